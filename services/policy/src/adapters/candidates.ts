import { Inject, Injectable } from '@nestjs/common';
import type { Problem } from '@customhouse/http-contract/problem';
import type { PolicyWasm } from '@customhouse/policies/built-in';
import { readRules, RulesInvalid } from '@customhouse/policies/rules-text';
import { makeVersion } from '@customhouse/policies/version';
import type { PolicyVersion, RegoFiles, WrittenCases } from '@customhouse/policy-contract/bundle';
import { PolicyCase } from '@customhouse/policy-contract/cases';
import { RuleSet } from '@customhouse/policy-contract/rules';
import type { Policy } from '@customhouse/policy-engine/policy';
import { PolicyUnusable } from '@customhouse/policy-engine/policy-module';
import { RegoCompilerFailed, RegoRefused } from '@customhouse/rego/rego-compiler';
import type { z } from 'zod';
import { Rego } from './rego.js';

export type Problems = NonNullable<Problem['problems']>;

/** What somebody wrote, as it was sent: rules as a document or as its text. */
export interface Sources {
  readonly rules: string | Readonly<Record<string, unknown>>;
  readonly modules: RegoFiles;
  readonly cases: WrittenCases;
}

/** Sources that were read and compiled: everything that a version needs but a number. */
export interface Candidate {
  /** Its number is 0, and nobody has signed it. */
  readonly version: PolicyVersion;
  readonly module: PolicyWasm;
  /** Whoever asked for the candidate closes it. */
  readonly policy: Policy;
  readonly cases: readonly PolicyCase[];
}

/** More would say nothing new. */
const mostProblems = 50;

/** The sources cannot become a version. `problems` point into the body of the request. */
export class SourcesInvalid extends Error {
  override readonly name = 'SourcesInvalid';
  constructor(
    readonly problems: Problems,
    options?: ErrorOptions,
  ) {
    super(problems.map((problem) => `${problem.pointer}: ${problem.message}`).join('; '), options);
  }
}

/** Reads and compiles what may become a version. */
@Injectable()
export class Candidates {
  constructor(@Inject(Rego) private readonly rego: Rego) {}

  /** Rejects with SourcesInvalid. */
  async read({ rules: given, modules, cases: written }: Sources): Promise<Candidate> {
    const rules = typeof given === 'string' ? readText(given) : readDocument(given);
    const cases = readCases(written);
    const module = await this.compile(modules);
    const version = makeVersion({ number: 0, module: module.digest, rules, modules, cases: written, note: '' });
    return { version, module, policy: await this.makeReady(version, module.wasm), cases };
  }

  private async compile(modules: RegoFiles): Promise<PolicyWasm> {
    try {
      return await this.rego.compile(modules);
    } catch (error) {
      throw invalidRego(error);
    }
  }

  private async makeReady(version: PolicyVersion, wasm: Uint8Array): Promise<Policy> {
    try {
      return await this.rego.ready(version, wasm);
    } catch (error) {
      if (!(error instanceof PolicyUnusable)) throw error;
      const pointer = Object.keys(version.modules).length === 0 ? '/body/rules' : '/body/modules';
      throw new SourcesInvalid([{ pointer, message: error.message }], { cause: error });
    }
  }
}

/** What is wrong with Rego, file by file; anything else as it is. */
export function invalidRego(error: unknown): unknown {
  if (error instanceof RegoCompilerFailed) return new SourcesInvalid([{ pointer: '/body/modules', message: error.message }], { cause: error });
  if (!(error instanceof RegoRefused)) return error;
  const problems = error.problems.slice(0, mostProblems).map(({ file, row, col, code, message }) => ({
    pointer: file === undefined ? '/body/modules' : `/body/modules/${token(file)}`,
    message: row === undefined ? message : `line ${row}, column ${col ?? 1}: ${code}: ${message}`,
  }));
  return new SourcesInvalid(problems, { cause: error });
}

/** Cases with everything filled in that was left out. Throws SourcesInvalid. */
export function readCases(written: WrittenCases): PolicyCase[] {
  const read = written.map((one) => PolicyCase.safeParse(one));
  const problems = read.flatMap(({ error }, index) => (error ? problemsIn(error, ['cases', index]) : []));
  const names = new Set<unknown>();
  for (const [index, { data }] of read.entries()) {
    if (data && names.has(data.name)) problems.push({ pointer: `/body/cases/${index}/name`, message: `the name "${data.name}" is used twice` });
    names.add(data?.name);
  }
  if (problems.length > 0) throw new SourcesInvalid(problems.slice(0, mostProblems));
  return read.map((one) => one.data!);
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
    throw new SourcesInvalid(problems, { cause: error });
  }
}

function readDocument(document: unknown): RuleSet {
  const parsed = RuleSet.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new SourcesInvalid(problemsIn(parsed.error, ['rules']).slice(0, mostProblems), { cause: parsed.error });
}

function problemsIn(error: z.ZodError, at: readonly (string | number)[]): Problems {
  return error.issues.map((issue) => ({ pointer: ['/body', ...[...at, ...issue.path].map((part) => token(String(part)))].join('/'), message: issue.message }));
}

function token(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}
