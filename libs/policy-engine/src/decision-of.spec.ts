import { describe, expect, it } from '@jest/globals';
import { decisionOf, refusal } from './decision-of.js';

const policy = { number: 3, digest: 'd' };
const fired = { id: 'a', effect: 'hold', reason: 'r' };
const held = { effect: 'hold', rules: [fired], obligations: { approve: { quorum: 2, expires_s: 60 } } };

describe('the answer of a module', () => {
  it('becomes a decision that carries the version', () => {
    expect(decisionOf(held, policy)).toEqual({ ...held, policy });
  });

  it('cannot be changed by one who was given it', () => {
    const decision = decisionOf(held, policy);
    for (const part of [decision, decision.rules, decision.rules[0], decision.obligations, decision.obligations.approve]) expect(Object.isFrozen(part)).toBe(true);
  });

  it.each([
    ['no object', 'allow'],
    ['a list', [held]],
    ['null', null],
    ['an unknown effect', { ...held, effect: 'permit' }],
    ['no effect', { ...held, effect: undefined }],
    ['no rules', { ...held, rules: [] }],
    ['rules that are no list', { ...held, rules: { 0: fired } }],
    ['a rule that is a text', { ...held, rules: ['a'] }],
    ['a rule without an id', { ...held, rules: [{ effect: 'hold', reason: 'r' }] }],
    ['a rule without a reason', { ...held, rules: [{ id: 'a', effect: 'hold' }] }],
    ['a rule with an unknown effect', { ...held, rules: [{ ...fired, effect: 'ask' }] }],
    ['no obligations', { effect: 'allow', rules: [fired] }],
    ['a hold without an approval', { ...held, obligations: {} }],
    ['a hold without a quorum', { ...held, obligations: { approve: { expires_s: 60 } } }],
    ['a quorum of nobody', { ...held, obligations: { approve: { quorum: 0, expires_s: 60 } } }],
    ['a broken expiry', { ...held, obligations: { approve: { quorum: 1, expires_s: 0.5 } } }],
    ['an approval without a hold', { ...held, effect: 'allow' }],
  ])('is an error when it has %s', (_, answer) => {
    expect(() => decisionOf(answer, policy)).toThrow(expect.objectContaining({ name: 'EvaluationFailed' }));
  });

  it('is replaced by a refusal of the engine, when the engine has to speak', () => {
    expect(refusal(policy, 'policy-error', 'why')).toEqual({ effect: 'refuse', rules: [{ id: 'policy-error', effect: 'refuse', reason: 'why' }], obligations: {}, policy });
  });
});
