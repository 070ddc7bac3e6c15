import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { inTransaction } from '@customhouse/event-store/transaction';
import { dataSourceOf } from '@customhouse/nest/tokens';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { Candidates, invalidRego, readCases, type Candidate, type Problems, type Sources } from './candidates.js';
import type { Origin } from './events.js';
import { Rego } from './rego.js';
import { Tests, type TestRun } from './tests.js';
import { Versions } from './versions.js';

/** Tests or cases fail, so nothing was stored or activated. */
export class TestsFailed extends Error {
  override readonly name = 'TestsFailed';
  constructor(readonly problems: Problems) {
    super(problems.map((problem) => `${problem.pointer}: ${problem.message}`).join('; '));
  }
}

/** Stores what can be read and compiled, and does what its tests and cases say; and runs those of what is stored. */
@Injectable()
export class Drafting {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Candidates) private readonly candidates: Candidates,
    @Inject(Tests) private readonly tests: Tests,
    @Inject(Rego) private readonly rego: Rego,
  ) {}

  /** Rejects with SourcesInvalid. */
  async check(sources: Sources): Promise<TestRun> {
    return this.run(await this.candidates.read(sources));
  }

  /** Rejects with SourcesInvalid and TestsFailed. */
  async draft(sources: Sources, { note, by, untested }: { readonly note: string; readonly by: string; readonly untested: boolean }): Promise<PolicyVersion> {
    return this.store(await this.candidates.read(sources), { note, by, untested, origin: null });
  }

  /** Closes the candidate. Rejects like `draft`. */
  async store(
    candidate: Candidate,
    { note, by, untested, origin }: { readonly note: string; readonly by: string; readonly untested: boolean; readonly origin: Origin | null },
  ): Promise<PolicyVersion> {
    const { rules, modules, cases } = candidate.version;
    if (untested) candidate.policy.close();
    const run = untested ? undefined : await this.run(candidate);
    if (run) throwFailures(run, cases.length);
    const draft = { module: candidate.module, rules, modules, cases, note, by, origin, passed: run?.passed ?? null };
    return inTransaction(this.dataSource, (tx) => this.versions.draft(tx, draft));
  }

  /** Runs the tests of a stored version and records what came out. Undefined when there is none of this number. Rejects with VersionDamaged. */
  async test(number: number, by: string): Promise<TestRun | undefined> {
    const stored = await this.versions.load(this.dataSource, number);
    if (!stored) return undefined;
    const { version, module } = stored;
    const policy = await this.rego.ready(version, module.wasm);
    const run = await this.run({ version, policy, cases: readCases(version.cases), module });
    await inTransaction(this.dataSource, (tx) => this.versions.tested(tx, { number, digest: version.digest, passed: run.passed, failed: run.failed, by }));
    return run;
  }

  /** Rejects with TestsFailed when a test of this stored version fails. */
  async prove(number: number, by: string): Promise<void> {
    const run = await this.test(number, by);
    if (run) throwFailures(run);
  }

  /** Closes the candidate. */
  private async run(candidate: Candidate): Promise<TestRun> {
    try {
      return await this.tests.run(candidate);
    } catch (error) {
      throw invalidRego(error);
    } finally {
      candidate.policy.close();
    }
  }
}

/** `cases`: how many of the last tests stand in the body of the request. */
function throwFailures({ tests }: TestRun, cases = 0): void {
  const first = tests.length - cases;
  const failures = tests.flatMap(({ kind, name, file, line, passed, message }, index) => {
    if (passed) return [];
    if (kind === 'case') return [{ pointer: cases === 0 ? '/cases' : `/body/cases/${index - first}`, message: `${name}: ${message}` }];
    return [{ pointer: cases === 0 ? '/modules' : `/body/modules/${file}`, message: `line ${line}: ${name}: ${message}` }];
  });
  if (failures.length > 0) throw new TestsFailed(failures);
}
