import { describe, expect, it } from '@jest/globals';
import { bindingText, type Bound } from './binding.js';

const bound: Bound = {
  call: '01K0000000000000000000000C',
  principal: { tenant: 'default', agent: 'claude', owner: 'olaf', person: 'alice', delegation: [{ actor: 'planner' }] },
  method: 'tools/call',
  server: 'bank',
  generation: 3,
  tool: 'transfer',
  definition: 'definition-1',
  arguments: { digest: 'arguments-1' },
  decision: {
    policy: { number: 7, digest: 'policy-7' },
    rules: [{ id: 'hold-transfers' }, { id: 'business-hours' }],
    obligations: { approve: { quorum: 2, expires_s: 60, groups: [{ group: 'finance', quorum: 1 }] } },
  },
  approval: { id: '01K0000000000000000000000A', nonce: 'nonce', expires: '2026-11-22T13:00:00.000Z', quorum: 2 },
};

describe('the text that a binding is made of', () => {
  it('is this, for ever: a binding that was recorded must come out the same', () => {
    expect(bindingText(bound)).toBe(
      '["customhouse.binding.v1","01K0000000000000000000000C","default","claude","olaf","alice",["planner"],"tools/call","bank",3,"transfer","definition-1","arguments-1",7,"policy-7",null,' +
        '["business-hours","hold-transfers"],{"approve":{"expires_s":60,"groups":[{"group":"finance","quorum":1}],"quorum":2}},"01K0000000000000000000000A","nonce","2026-11-22T13:00:00.000Z",2]',
    );
  });

  it('does not depend on the order of the rules and of members, nor on what else the event holds', () => {
    const { decision } = bound;
    const turned = { approve: { groups: [{ quorum: 1, group: 'finance' }], expires_s: 60, fresh_login: undefined, quorum: 2 } };
    expect(bindingText({ ...bound, decision: { ...decision, obligations: turned } })).toBe(bindingText(bound));
    expect(bindingText({ ...bound, decision: { ...decision, rules: decision.rules.toReversed() } })).toBe(bindingText(bound));
    expect(bindingText({ ...bound, session: 'another' } as Bound)).toBe(bindingText(bound));
  });

  const { principal, decision, approval } = bound;
  it.each<[string, Bound]>([
    ['call', { ...bound, call: '01K0000000000000000000000D' }],
    ['tenant', { ...bound, principal: { ...principal, tenant: 'other' } }],
    ['agent', { ...bound, principal: { ...principal, agent: 'other' } }],
    ['owner', { ...bound, principal: { ...principal, owner: undefined } }],
    ['delegation', { ...bound, principal: { ...principal, delegation: undefined } }],
    ['person', { ...bound, principal: { ...principal, person: 'other' } }],
    ['method', { ...bound, method: 'resources/read' }],
    ['server', { ...bound, server: 'other' }],
    ['generation', { ...bound, generation: 4 }],
    ['tool', { ...bound, tool: 'other' }],
    ['definition', { ...bound, definition: 'definition-2' }],
    ['definition that is not there', { ...bound, definition: null }],
    ['definition that is called null', { ...bound, definition: 'null' }],
    ['arguments', { ...bound, arguments: { digest: 'arguments-2' } }],
    ['policy number', { ...bound, decision: { ...decision, policy: { ...decision.policy, number: 8 } } }],
    ['policy digest', { ...bound, decision: { ...decision, policy: { ...decision.policy, digest: 'policy-8' } } }],
    ['external decision point', { ...bound, decision: { ...decision, policy: { ...decision.policy, external: 'http://opa' } } }],
    ['terms', { ...bound, decision: { ...decision, obligations: { approve: { quorum: 2, expires_s: 60 } } } }],
    ['obligation', { ...bound, decision: { ...decision, obligations: { ...decision.obligations, redact: ['iban'] } } }],
    ['rules', { ...bound, decision: { ...decision, rules: [{ id: 'hold-transfers' }] } }],
    ['approval', { ...bound, approval: { ...approval, id: '01K0000000000000000000000B' } }],
    ['nonce', { ...bound, approval: { ...approval, nonce: 'other' } }],
    ['expiry', { ...bound, approval: { ...approval, expires: '2026-11-22T13:00:00.001Z' } }],
    ['quorum', { ...bound, approval: { ...approval, quorum: 1 } }],
    ['border between two parts', { ...bound, server: 'bank","x', tool: 'transfer' }],
    ['border between two names', { ...bound, principal: { ...principal, agent: 'claudea', person: 'lice' } }],
  ])('is another one for another %s', (_, other) => {
    const texts = [bindingText(bound), bindingText(other), bindingText({ ...bound, definition: null })];
    expect(texts[1]).not.toBe(texts[0]);
    if (other.definition !== null) expect(texts[1]).not.toBe(texts[2]);
  });
});
