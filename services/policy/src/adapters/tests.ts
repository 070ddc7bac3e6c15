import { Inject, Injectable } from '@nestjs/common';
import type { PolicyTest, PolicyTestRun } from '@customhouse/http-contract/policy';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { PolicyCase } from '@customhouse/policy-contract/cases';
import { compileRule, inOrder } from '@customhouse/policy-engine/compiled-rules';
import type { Policy } from '@customhouse/policy-engine/policy';
import { runCases } from '@customhouse/policy-engine/run-cases';
import { Rego } from './rego.js';

/** What came out, without the number that a version may have. */
export type TestRun = Omit<PolicyTestRun, 'number'>;

/** Runs what a version brings to prove that it does what it should: tests in Rego by OPA's test runner, cases by the compiled module. */
@Injectable()
export class Tests {
  constructor(@Inject(Rego) private readonly rego: Rego) {}

  /** Rejects with RegoRefused when the tests cannot be compiled, and with RegoCompilerFailed. A test that fails is an answer. */
  async run({ version, policy, cases }: { readonly version: PolicyVersion; readonly policy: Policy; readonly cases: readonly PolicyCase[] }): Promise<TestRun> {
    const { tests: inRego, not_covered } = await this.rego.test(version.modules, { rules: inOrder(version.rules).map(compileRule) });
    const failed = new Map(runCases(policy, cases).map(({ name, differences }) => [name, differences]));
    const tests: PolicyTest[] = [
      ...inRego.map(({ name, file, row, outcome, message }) => ({
        kind: 'rego' as const,
        name,
        file,
        line: row,
        passed: outcome === 'pass' || outcome === 'skip',
        message: message ?? (outcome === 'pass' ? '' : outcome),
      })),
      ...cases.map(({ name }) => ({ kind: 'case' as const, name, file: null, line: null, passed: !failed.has(name), message: (failed.get(name) ?? []).join('; ') })),
    ];
    const passed = tests.filter((test) => test.passed).length;
    return { digest: version.digest, passed, failed: tests.length - passed, tests, not_covered: not_covered as TestRun['not_covered'] };
  }
}
