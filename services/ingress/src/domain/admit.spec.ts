import { describe, expect, it } from '@jest/globals';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Decision } from '@customhouse/policy-contract/decision';
import { admit, type Policy, type Question } from './admit.js';

const allowed: Decision = { effect: 'allow', rules: [{ id: 'r', effect: 'allow', reason: 'because' }], obligations: {}, policy: { number: 7, digest: 'P7' } };

class Asked implements Policy {
  readonly version = { number: 7, digest: 'P7' };
  readonly inputs: PolicyInput[] = [];
  decide(input: PolicyInput): Decision {
    this.inputs.push(input);
    return allowed;
  }
}

const question: Question = {
  principal: { tenant: 't', agent: 'robot', person: 'ada', groups: ['staff'], credential: { kind: 'key', id: 'k1' } },
  client: { name: 'c', version: '1' },
  address: '10.0.0.1',
  session: 'S',
  time: 1_700_000_000_000,
  method: 'tools/call',
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
    [false, 'unknown-tool'],
    [true, 'tool-not-accepted'],
  ])('refuses a tool that is not served (quarantined: %s) by the rule %s without asking the policy', (quarantined, rule) => {
    const policy = new Asked();
    const decision = admit({ ...question, labels: undefined, quarantined }, policy);
    expect(decision).toEqual({ effect: 'refuse', rules: [expect.objectContaining({ id: rule, effect: 'refuse' })], obligations: {}, policy: { number: 7, digest: 'P7' } });
    expect(policy.inputs).toEqual([]);
  });
});
