import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { builtInModule, builtInProgram, type PolicyWasm } from '@customhouse/policies/built-in';
import { sha256 } from '@customhouse/policies/version';
import type { PolicyVersion, RegoFiles } from '@customhouse/policy-contract/bundle';
import type { Policy } from '@customhouse/policy-engine/policy';
import { compileGuarded } from '@customhouse/rego/guarded-policy';
import { RegoCompiler, RegoRefused, type RegoProblem, type RegoTests } from '@customhouse/rego/rego-compiler';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';

/** Where an administrator's files are in what is compiled, so that no name of theirs is one of ours. */
const folder = 'custom/';
/** For whoever tries a version, and is no call. */
const patience = { queue: 10_000, wait_ms: 60_000 };
const nothing = /^\s*(?:#.*)?$/;
const packageOf = {
  module: /^package\s+customhouse\.custom(?:\.[A-Za-z_]\w*)*\s*(?:#.*)?$/,
  test: /^package\s+customhouse\.custom(?:_test)?(?:\.[A-Za-z_]\w*)*\s*(?:#.*)?$/,
};

/** Rego of administrators: compiled together with what this release says that rules mean, and tested. */
@Injectable()
export class Rego implements OnApplicationShutdown {
  private readonly compiler: RegoCompiler;

  constructor(@Inject(POLICY_SETTINGS) private readonly settings: PolicySettings) {
    this.compiler = new RegoCompiler({ timeout_ms: settings.regoTimeout_ms });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.compiler.close();
  }

  /** The module of a version with these files. Rejects with RegoRefused, whose problems name the files as they were given, or with RegoCompilerFailed. */
  async compile(files: RegoFiles): Promise<PolicyWasm> {
    const misplaced = Object.entries(files).flatMap(([name, text]) => packageProblem(name, text) ?? []);
    if (misplaced.length > 0) throw new RegoRefused(misplaced);
    const modules = Object.entries(files).filter(([name]) => !isTest(name));
    if (modules.length === 0) return builtInModule();
    const { entrypoints, modules: own } = builtInProgram();
    const wasm = await inOwnWords(this.compiler.compile({ ...own, ...placed(Object.fromEntries(modules)) }, entrypoints));
    return { digest: sha256(wasm), wasm };
  }

  /** A version, ready to decide; whoever asked for it closes it. Rego of its own runs in a thread, within a time. Rejects with PolicyUnusable. */
  ready(version: PolicyVersion, wasm: Uint8Array): Promise<Policy> {
    return compileGuarded(version, wasm, { timeout_ms: this.settings.regoEvaluation_ms, threads: 1, ...patience });
  }

  /** Runs the tests in the files. `data` is what the module has as data. Rejects like `compile`. */
  async test(files: RegoFiles, data: object): Promise<RegoTests> {
    if (!Object.keys(files).some(isTest)) return { tests: [], coverage: 0, not_covered: {} };
    const { tests, coverage, not_covered } = await inOwnWords(this.compiler.test({ ...builtInProgram().modules, ...placed(files) }, { data }));
    const ours = Object.entries(not_covered).filter(([name]) => name.startsWith(folder) && !isTest(name));
    return {
      tests: tests.map((test) => ({ ...test, file: given(test.file) })),
      coverage,
      not_covered: Object.fromEntries(ours.map(([name, rows]) => [given(name), worthTesting(rows, files[given(name)]!)] as const).filter(([, rows]) => rows.length > 0)),
    };
  }
}

/** Each once, and without the line that says which arguments are looked at: the engine reads that, and no test has to. */
function worthTesting(rows: RegoTests['not_covered'][string], text: string): RegoTests['not_covered'][string] {
  const lines = text.split('\n');
  const each = new Map(rows.map(([first, last]) => [`${first}-${last}`, [first, last] as const]));
  return [...each.values()].filter(([first]) => !/^arguments\b/.test(lines[first - 1] ?? ''));
}

function isTest(name: string): boolean {
  return name.endsWith('_test.rego');
}

/** The package is the first statement of a file, and OPA refuses a second one: what stands here is where all of it is. */
function packageProblem(file: string, text: string): RegoProblem | undefined {
  const lines = text.split('\n');
  const row = lines.findIndex((line) => !nothing.test(line));
  if (row >= 0 && packageOf[isTest(file) ? 'test' : 'module'].test(lines[row]!)) return undefined;
  const where = isTest(file) ? 'customhouse.custom, customhouse.custom_test or below them' : 'customhouse.custom or below it';
  return { code: 'package', message: `the first statement must be a package line, and the package ${where}`, file, row: Math.max(row, 0) + 1, col: 1 };
}

function placed(files: RegoFiles): RegoFiles {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [folder + name, text]));
}

function given(name: string): string {
  return name.startsWith(folder) ? name.slice(folder.length) : name;
}

async function inOwnWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RegoRefused)) throw error;
    const problems = error.problems.map(({ file, ...rest }) => (file === undefined ? rest : { ...rest, file: given(file) }));
    throw Object.assign(new RegoRefused(problems), { cause: error });
  }
}
