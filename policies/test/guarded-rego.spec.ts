import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CaseCall } from '@customhouse/policy-contract/cases';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { compilePolicy, type Policy } from '@customhouse/policy-engine/policy';
import { NotInTime } from '@customhouse/policy-engine/policy-module';
import { inputOf } from '@customhouse/policy-engine/run-cases';
import { compileGuarded } from '@customhouse/rego/guarded-policy';
import type { ThreadLimits } from '@customhouse/rego/module-threads';
import { RegoCompiler } from '@customhouse/rego/rego-compiler';
import { builtInModule, builtInProgram } from '../src/built-in.js';
import { makeVersion, sha256 } from '../src/version.js';

jest.setTimeout(120_000);

const rules: RuleSet = { version: 1, rules: [{ id: 'all', effect: 'allow', reason: 'A test.', tools: ['*/*'] }] };
const compiler = new RegoCompiler();
const open: Policy[] = [];

/** Looks at each character of a text, as often as it has characters, as often as it has characters; and needs no memory for that. */
const slow = `package customhouse.custom
arguments := {"/text"}
fired contains {"id": "short", "effect": "refuse", "reason": "Too short."} if input.arguments["/text"] == "no"
fired contains {"id": "looked", "effect": "allow", "reason": "Looked."} if {
	parts := split(input.arguments["/text"], "")
	some a in parts
	some b in parts
	some c in parts
	a == b
	c == "!"
}
default visible := true
visible := false if input.tool == "hidden"
visible := false if {
	input.tool == "endless"
	parts := numbers.range(1, 10000)
	some a in parts
	some b in parts
	some c in parts
	a == b
	c == 0
}
`;
/** Ten thousand times ten thousand times ten thousand: hours. */
const endless = 'word'.repeat(2_500);
/** A machine that is busy with other things is given all the time that it needs. */
const patient: ThreadLimits = { timeout_ms: 30_000, wait_ms: 30_000 };

async function compiled(rego: string) {
  const { modules, entrypoints } = builtInProgram();
  const wasm = await compiler.compile({ ...modules, 'custom/own.rego': rego }, entrypoints);
  return { wasm, version: makeVersion({ number: 1, module: sha256(wasm), rules, modules: { 'own.rego': rego }, note: '' }) };
}

let program: Awaited<ReturnType<typeof compiled>>;
beforeAll(async () => {
  program = await compiled(slow);
});
afterEach(() => {
  for (const policy of open.splice(0)) policy.close();
});
afterAll(() => compiler.close());

async function guarded(limits: ThreadLimits, onError?: (error: Error) => void): Promise<Policy> {
  const policy = await compileGuarded(program.version, program.wasm, limits, { ...(onError && { onError }) });
  open.push(policy);
  return policy;
}

const inputFor = (policy: Policy, text: string) => inputOf(CaseCall.parse({ server: 'crm', tool: 'export', arguments: { text } }), policy);
const decide = async (policy: Policy, text: string) => policy.decide(inputFor(policy, text));
const firstRule = async (policy: Policy, text: string) => (await decide(policy, text)).rules[0]!.id;

describe('a version with Rego of its own', () => {
  it('decides in a thread what it decides here', async () => {
    const here = await compilePolicy(program.version, program.wasm);
    const there = await guarded(patient);
    expect(there.instant).toBe(false);
    for (const text of ['no', 'yes', 'ünïcödé \u0000 "quoted"', '']) expect(await decide(there, text)).toEqual(here.decide(inputFor(here, text)));
    expect(there.argumentsNeeded('any', 'tool')).toEqual(here.argumentsNeeded('any', 'tool'));
    expect(there.needs('any', 'tool')).toEqual(here.needs('any', 'tool'));
    const { principal } = inputFor(here, '');
    for (const tool of ['hidden', 'shown'])
      expect(await there.visible(principal, { server: 'a', tool, labels: [] })).toBe(here.visible(principal, { server: 'a', tool, labels: [] }));
  });

  it('that takes too long refuses the call by policy-timeout, and this thread never stops', async () => {
    const told: Error[] = [];
    const policy = await guarded({ ...patient, timeout_ms: 300 }, (error) => told.push(error));
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 5);
    const decision = await decide(policy, endless);
    clearInterval(turning);
    expect(decision).toMatchObject({
      effect: 'refuse',
      rules: [{ id: 'policy-timeout', effect: 'refuse', reason: expect.stringContaining('300 ms') }],
      obligations: {},
      policy: { number: 1 },
    });
    expect(told).toEqual([expect.any(NotInTime)]);
    // However slow the machine is: while the thread was busy, this one was not.
    expect(turns).toBeGreaterThan(1);
  });

  it('goes on with other calls while one takes long, and after it', async () => {
    const policy = await guarded({ ...patient, timeout_ms: 5_000, threads: 2 });
    const long = decide(policy, endless);
    const others = await Promise.all(Array.from({ length: 20 }, () => firstRule(policy, 'no')));
    expect(new Set(others)).toEqual(new Set(['short']));
    expect((await long).rules[0]!.id).toBe('policy-timeout');
    expect(await firstRule(policy, 'no')).toBe('short');
  });

  it('replaces the only thread that there is, as often as it has to', async () => {
    const policy = await guarded({ ...patient, timeout_ms: 500, threads: 1 });
    for (let round = 0; round < 3; round += 1) expect(await firstRule(policy, endless)).toBe('policy-timeout');
    expect(await firstRule(await guarded(patient), 'no')).toBe('short');
  });

  it('refuses by policy-busy what would have to wait behind too many, and what waits too long', async () => {
    const policy = await guarded({ timeout_ms: 2_000, wait_ms: 200, threads: 1, queue: 2 });
    const all = await Promise.all([endless, endless, endless, endless].map((text) => firstRule(policy, text)));
    expect(all).toEqual(['policy-timeout', 'policy-busy', 'policy-busy', 'policy-busy']);
  });

  it('that does not say in time what is shown says so, and shows nothing by mistake', async () => {
    const policy = await guarded({ ...patient, timeout_ms: 300 });
    const { principal } = inputFor(policy, '');
    await expect(policy.visible(principal, { server: 'crm', tool: 'endless', labels: [] })).rejects.toThrow(NotInTime);
  });

  it('that was replaced still answers whoever has it, and keeps no thread', async () => {
    const policy = await guarded(patient);
    const before = decide(policy, 'no');
    policy.close();
    expect([(await before).effect, await firstRule(policy, 'no'), await firstRule(policy, 'yes')]).toEqual(['refuse', 'short', 'all']);
  });

  it('whose arguments cannot be told in time cannot be used', async () => {
    const { wasm, version } = await compiled('package customhouse.custom\narguments := {"rows"}\nfired contains {"id": "x", "effect": "allow", "reason": "Yes."}\n');
    await expect(compileGuarded(version, wasm)).rejects.toThrow('JSON Pointers');
  });
});

it('a version with rules only is decided here, at once', async () => {
  const { digest, wasm } = builtInModule();
  const policy = await compileGuarded(makeVersion({ number: 2, module: digest, rules, note: '' }), wasm);
  expect(policy.instant && policy.decide(inputOf(CaseCall.parse({ server: 'crm', tool: 'export' }), policy)).effect).toBe('allow');
});
