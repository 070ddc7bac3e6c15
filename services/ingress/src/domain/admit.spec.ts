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

const input: PolicyInput = {
  principal: { tenant: 't', agent: 'robot', owner: 'ada', person: 'ada', groups: ['staff'], attributes: {}, delegation: [], credential: 'key' },
  client: { name: 'c', version: '1' },
  network: { address: '10.0.0.1', forwarded: [] },
  session: 'S',
  session_state: { labels: [], counters: { calls: 0, refused: 0, held: 0 } },
  time: 1_700_000_000_000,
  method: 'tools/call',
  server: 'files',
  tool: 'read',
  version: 'D',
  labels: ['read-only'],
  annotations: null,
  arguments: { '/path': '/tmp/a' },
  destinations: [],
  request: { protocol: '2025-11-25', era: 'legacy', meta: {} },
  findings: [],
  used: {},
};
const question: Question = { kind: 'tool', served: true, quarantined: false, input };

describe('admitting a call', () => {
  it('asks the policy with everything that the call is', () => {
    const policy = new Asked();
    expect(admit(question, policy)).toBe(allowed);
    expect(policy.inputs).toEqual([input]);
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
    const decision = admit({ kind, served: false, quarantined, input: { ...input, method } }, policy);
    expect(decision).toEqual({ effect: 'refuse', rules: [expect.objectContaining({ id: rule, effect: 'refuse' })], obligations: {}, policy: { number: 7, digest: 'P7' } });
    expect(policy.inputs).toEqual([]);
  });

  const held: Decision = { ...allowed, effect: 'hold', rules: [{ id: 'ask-a-person', effect: 'hold', reason: 'because' }], obligations: { approve: { quorum: 1, expires_s: 60 } } };

  it.each(['sampling/createMessage', 'elicitation/create', 'roots/list'] as const)('refuses %s where it would have to be held, and says why', (method) => {
    expect(admit({ ...question, input: { ...input, method } }, new Asked(held))).toEqual({
      effect: 'refuse',
      rules: [{ id: 'hold-not-possible', effect: 'refuse', reason: expect.stringContaining('cannot wait') }, ...held.rules],
      obligations: {},
      policy: held.policy,
    });
  });

  it.each(['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete'] as const)('holds %s where the policy says so', (method) => {
    expect(admit({ ...question, input: { ...input, method } }, new Asked(held))).toBe(held);
  });
});
