import { describe, expect, it } from '@jest/globals';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Decision } from '@customhouse/policy-contract/decision';
import { admit, type Policy, type Question } from './admit.js';

const allowed: Decision = { effect: 'allow', rules: [{ id: 'r', effect: 'allow', reason: 'because' }], obligations: {}, policy: { number: 7, digest: 'P7' } };

class Asked implements Policy {
  readonly version = { number: 7, digest: 'P7' };
  readonly inputs: PolicyInput[] = [];
  constructor(readonly answer: Decision = allowed) {}
  decide(input: PolicyInput): Decision {
    this.inputs.push(input);
    return this.answer;
  }
}

const question: Question = {
  principal: { tenant: 't', agent: 'robot', person: 'ada', groups: ['staff'], credential: { kind: 'key', id: 'k1' } },
  client: { name: 'c', version: '1' },
  address: '10.0.0.1',
  session: 'S',
  time: 1_700_000_000_000,
  method: 'tools/call',
  kind: 'tool',
  server: 'files',
  tool: 'read',
  labels: ['read-only'],
  quarantined: false,
  arguments: { '/path': '/tmp/a' },
  findings: [
    { rule: 'credential', severity: 'high', location: 'arguments/a', message: 'x' },
    { rule: 'credential', severity: 'high', location: 'arguments/b', message: 'x' },
    { rule: 'hidden-characters', severity: 'low', location: 'arguments/c', message: 'x' },
  ],
};

describe('admitting a call', () => {
  it('asks the policy with everything that the call is, each finding by its rule once', () => {
    const policy = new Asked();
    expect(admit(question, policy)).toBe(allowed);
    expect(policy.inputs).toEqual([
      {
        principal: { tenant: 't', agent: 'robot', person: 'ada', groups: ['staff'], credential: 'key' },
        client: { name: 'c', version: '1' },
        network: { address: '10.0.0.1' },
        session: 'S',
        time: 1_700_000_000_000,
        method: 'tools/call',
        server: 'files',
        tool: 'read',
        labels: ['read-only'],
        arguments: { '/path': '/tmp/a' },
        findings: ['credential', 'hidden-characters'],
      },
    ]);
  });

  it.each([
    ['tool', 'tools/call', false, 'unknown-tool'],
    ['tool', 'tools/call', true, 'tool-not-accepted'],
    ['prompt', 'prompts/get', false, 'unknown-prompt'],
    ['prompt', 'prompts/get', true, 'prompt-not-accepted'],
    ['prompt', 'completion/complete', false, 'unknown-prompt'],
    ['resource', 'resources/read', false, 'unknown-resource'],
  ] as const)('refuses a %s that is not served (%s, quarantined: %s) by the rule %s without asking the policy', (kind, method, quarantined, rule) => {
    const policy = new Asked();
    const decision = admit({ ...question, kind, method, labels: undefined, quarantined }, policy);
    expect(decision).toEqual({ effect: 'refuse', rules: [expect.objectContaining({ id: rule, effect: 'refuse' })], obligations: {}, policy: { number: 7, digest: 'P7' } });
    expect(policy.inputs).toEqual([]);
  });

  const held: Decision = { ...allowed, effect: 'hold', rules: [{ id: 'ask-a-person', effect: 'hold', reason: 'because' }], obligations: { approve: { quorum: 1, expires_s: 60 } } };

  it.each(['sampling/createMessage', 'elicitation/create', 'roots/list'] as const)('refuses %s where it would have to be held, and says why', (method) => {
    expect(admit({ ...question, method, labels: [] }, new Asked(held))).toEqual({
      effect: 'refuse',
      rules: [{ id: 'hold-not-possible', effect: 'refuse', reason: expect.stringContaining('cannot wait') }, ...held.rules],
      obligations: {},
      policy: held.policy,
    });
  });

  it.each(['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete'] as const)('holds %s where the policy says so', (method) => {
    expect(admit({ ...question, method }, new Asked(held))).toBe(held);
  });
});
