import { Inject, Injectable } from '@nestjs/common';
import type { PolicyTest, PolicyTestRun } from '@customhouse/http-contract/policy';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { CaseCall, type PolicyCase } from '@customhouse/policy-contract/cases';
import { compileRule, inOrder } from '@customhouse/policy-engine/compiled-rules';
import type { Policy } from '@customhouse/policy-engine/policy';
import { inputOf, runCases } from '@customhouse/policy-engine/run-cases';
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
    const failed = new Map((await runCases(policy, cases)).map(({ name, differences }) => [name, differences]));
    const slow = await tooSlow(policy);
    const tests: PolicyTest[] = [
      ...(slow === undefined ? [] : [{ kind: 'rego' as const, name: 'an answer in time', file: Object.keys(version.modules)[0] ?? null, line: 1, passed: false, message: slow }]),
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

/** Longer than most arguments, and much shorter than an argument may be. */
const longText = 'word '.repeat(200);

/** Why a version must not decide, although no test of its own says so: it has no answer in time about a call with a long text in every argument that it looks at. */
async function tooSlow(policy: Policy): Promise<string | undefined> {
  const input = inputOf(CaseCall.parse({ server: 'any', tool: 'any' }), policy);
  const long = Object.fromEntries(policy.argumentsNeeded(input.server, input.tool, input.method).map((pointer) => [pointer, longText]));
  const [decisive] = (await policy.decide({ ...input, arguments: long })).rules;
  return decisive!.id === 'policy-timeout' ? decisive!.reason : undefined;
}
