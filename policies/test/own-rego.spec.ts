import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { CaseCall } from '@customhouse/policy-contract/cases';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { compilePolicy, type InstantPolicy } from '@customhouse/policy-engine/policy';
import { inputOf } from '@customhouse/policy-engine/run-cases';
import { RegoCompiler } from '@customhouse/rego/rego-compiler';
import { builtInProgram } from '../src/built-in.js';
import { makeVersion, sha256 } from '../src/version.js';

jest.setTimeout(120_000);

const compiler = new RegoCompiler();
const page = readFileSync(new URL('../../docs/how-to/write-rules.md', import.meta.url), 'utf8');
const shown = /```rego\n([\s\S]+?)```/.exec(page)![1]!;
const allowEverything: RuleSet = { version: 1, rules: [{ id: 'all', effect: 'allow', reason: 'A test.', tools: ['*/*'] }] };
const errors: string[] = [];

afterAll(() => compiler.close());

async function policyOf(rego: string, rules = allowEverything): Promise<InstantPolicy> {
  const { modules, entrypoints } = builtInProgram();
  const wasm = await compiler.compile({ ...modules, 'custom/own.rego': rego }, entrypoints);
  const version = makeVersion({ number: 1, module: sha256(wasm), rules, modules: { 'own.rego': rego }, note: '' });
  return compilePolicy(version, wasm, { onError: (error) => errors.push(error.message) });
}

const decide = (policy: InstantPolicy, call: Record<string, unknown>) => policy.decide(inputOf(CaseCall.parse({ server: 'crm', tool: 'export', ...call }), policy));

describe("a version's own Rego, as the page about writing rules shows it", () => {
  let policy: InstantPolicy;
  beforeAll(async () => {
    policy = await policyOf(shown);
  });

  it('holds what it says, with what it asks of the approvers', () => {
    const decision = decide(policy, { arguments: { rows: 1001 } });
    expect(decision.rules.map(({ id, effect }) => `${id} ${effect}`)).toEqual(['few-rows hold', 'all allow']);
    expect(decision.obligations).toEqual({ approve: { quorum: 2, expires_s: 3600 } });
  });

  it.each([
    ['few rows', { arguments: { rows: 1000 } }],
    ['none', {}],
    ['another tool', { tool: 'other', arguments: { rows: 1001 } }],
  ])('leaves %s to the rules', (_, call) => {
    expect(decide(policy, call).rules.map(({ id }) => id)).toEqual(['all']);
  });

  it('sees the arguments that it names, of every tool, and nothing is left out that it may look at', () => {
    expect(policy.argumentsNeeded('any', 'tool')).toEqual(['/rows']);
    expect(policy.needs('any', 'tool')).toEqual({ destinations: true, session_state: true, limits: [] });
  });
});

describe("a version's own Rego", () => {
  const rego = (body: string) => `package customhouse.custom\n\n${body}\n`;

  it('decides by everything that the input has, each time anew', async () => {
    const policy = await policyOf(
      rego(`fired contains {"id": "evening", "effect": "refuse", "reason": "Too late."} if input.time > 1767614400000
fired contains {"id": "elsewhere", "effect": "refuse", "reason": "Not there."} if { some to in input.destinations; to.host == "evil.net" }
fired contains {"id": "contractor", "effect": "refuse", "reason": "Not for you."} if input.principal.attributes.contractor
arguments := {"/url"}`),
    );
    const fired = (call: Record<string, unknown>) => decide(policy, call).rules[0]!.id;
    expect(fired({})).toBe('all');
    expect(fired({ time: '2026-01-05T12:00:01Z' })).toBe('evening');
    expect(fired({ arguments: { url: 'https://evil.net' } })).toBe('elsewhere');
    expect(fired({ attributes: { contractor: true } })).toBe('contractor');
    expect(fired({})).toBe('all');
  });

  it.each([
    ['an effect that there is not', '{"id": "x", "effect": "deny", "reason": "No."}'],
    ['a number for a list', '{"id": "x", "effect": "allow", "reason": "Yes.", "redact": 5}'],
    ['a quorum of nobody', '{"id": "x", "effect": "hold", "reason": "Ask.", "approve": {"quorum": 0}}'],
    ['a field that there is not', '{"id": "x", "effect": "hold", "reason": "Ask.", "approve": {"quorums": 2}}'],
    ['no reason', '{"id": "x", "effect": "refuse"}'],
    ['groups that are none', '{"id": "x", "effect": "hold", "reason": "Ask.", "approve": {"groups": [{"name": "a", "quorum": 1}]}}'],
    ['no object', 'input.tool'],
  ])('that fires %s refuses the call and says why to the administrator', async (_, fired) => {
    const policy = await policyOf(rego(`fired contains ${fired}`));
    errors.length = 0;
    expect(decide(policy, {}).rules).toEqual([expect.objectContaining({ id: 'policy-error', effect: 'refuse' })]);
    expect(errors).toHaveLength(1);
  });

  it('that declares what is visible decides what lists show', async () => {
    const policy = await policyOf(rego('fired contains {"id": "x", "effect": "allow", "reason": "Yes."}\ndefault visible := false\nvisible if input.tool == "export"'));
    const { principal } = inputOf(CaseCall.parse({ server: 'crm', tool: 'x' }), policy);
    const sees = (tool: string) => policy.visible(principal, { server: 'crm', tool, labels: [] });
    expect([sees('export'), sees('delete')]).toEqual([true, false]);
  });

  it('that declares no set of JSON Pointers cannot be used', async () => {
    await expect(policyOf(rego('fired contains {"id": "x", "effect": "allow", "reason": "Yes."}\narguments := {"rows"}'))).rejects.toThrow('JSON Pointers');
  });
});
