import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { policyRoutes } from '@customhouse/http-contract/policy';
import type { Problem } from '@customhouse/http-contract/problem';
import type { BodyOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { builtInModule } from '@customhouse/policies/built-in';
import { readRules, RulesInvalid } from '@customhouse/policies/rules-text';
import { makeVersion } from '@customhouse/policies/version';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { compilePolicy, type Policy } from '@customhouse/policy-engine/policy';
import { PolicyUnusable } from '@customhouse/policy-engine/policy-module';
import { runCases } from '@customhouse/policy-engine/run-cases';
import { Versions } from './versions.js';

type Problems = NonNullable<Problem['problems']>;

/** More would say nothing new. */
const mostProblems = 50;

/** The rules were not stored. */
export class DraftRefused extends Error {
  override readonly name = 'DraftRefused';
  constructor(
    readonly rule: 'invalid-rules' | 'cases-failed',
    readonly problems: Problems,
    options?: ErrorOptions,
  ) {
    super(problems.map((problem) => `${problem.pointer}: ${problem.message}`).join('; '), options);
  }
}

/** Stores rules that can be read, compiled, and that do what their cases say. */
@Injectable()
export class Drafting {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
  ) {}

  /** Throws DraftRefused. */
  async draft({ rules: given, note, cases }: BodyOf<typeof policyRoutes.draft>, by: string): Promise<PolicyVersion> {
    const rules = typeof given === 'string' ? readText(given) : readDocument(given);
    const module = builtInModule();
    const policy = await compile(makeVersion({ number: 0, module: module.digest, rules, note }), module.wasm);
    const failed = runCases(policy, cases);
    if (failed.length > 0) {
      throw new DraftRefused(
        'cases-failed',
        failed.map(({ name, differences }) => ({ pointer: `/body/cases/${cases.findIndex((one) => one.name === name)}`, message: `${name}: ${differences.join('; ')}` })),
      );
    }
    return inTransaction(this.dataSource, (tx) => this.versions.draft(tx, { module, rules, note, by }));
  }
}

function readText(text: string): RuleSet {
  try {
    return readRules(text);
  } catch (error) {
    if (!(error instanceof RulesInvalid)) throw error;
    const problems = error.problems.map(({ line, column, path, message }) => ({
      pointer: '/body/rules',
      message: `line ${line}, column ${column}: ${path ? `${path}: ` : ''}${message}`,
    }));
    throw new DraftRefused('invalid-rules', problems, { cause: error });
  }
}

function readDocument(document: unknown): RuleSet {
  const parsed = RuleSet.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, mostProblems).map((issue) => {
    const tokens = issue.path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'));
    return { pointer: ['/body/rules', ...tokens].join('/'), message: issue.message };
  });
  throw new DraftRefused('invalid-rules', problems, { cause: parsed.error });
}

async function compile(version: PolicyVersion, wasm: Uint8Array): Promise<Policy> {
  try {
    return await compilePolicy(version, wasm);
  } catch (error) {
    if (error instanceof PolicyUnusable) throw new DraftRefused('invalid-rules', [{ pointer: '/body/rules', message: error.message }], { cause: error });
    throw error;
  }
}
