import { describe, expect, it } from '@jest/globals';
import type { Decision, Effect } from './decision.js';
import { bothAllow, type Verdict } from './both-allow.js';

const url = 'http://opa:8181/v1/data/company/allow';
const approve = { quorum: 2, expires_s: 60 };
const own = (effect: Effect): Decision => ({
  effect,
  rules: [{ id: 'own', effect, reason: 'Because.' }],
  obligations: { ...(effect === 'hold' && { approve }), ...(effect !== 'refuse' && { redact: ['iban'] }) },
  policy: { number: 7, digest: 'P7' },
});
const verdict = (effect: Effect): Verdict => ({ effect, reason: 'They say so.' });

describe('what two decision points have to allow', () => {
  it.each<[Effect, Effect, Effect, string[]]>([
    ['allow', 'allow', 'allow', ['own', 'external-policy']],
    ['allow', 'hold', 'hold', ['external-policy', 'own']],
    ['allow', 'refuse', 'refuse', ['external-policy', 'own']],
    ['hold', 'allow', 'hold', ['own', 'external-policy']],
    ['hold', 'hold', 'hold', ['external-policy', 'own']],
    ['hold', 'refuse', 'refuse', ['external-policy', 'own']],
    ['refuse', 'allow', 'refuse', ['own', 'external-policy']],
    ['refuse', 'hold', 'refuse', ['own', 'external-policy']],
    ['refuse', 'refuse', 'refuse', ['external-policy', 'own']],
  ])('is, of %s here and %s there, %s, by both in order', (here, there, effect, rules) => {
    const decision = bothAllow(own(here), verdict(there), url);
    expect([decision.effect, decision.rules.map(({ id }) => id)]).toEqual([effect, rules]);
    expect(decision.policy).toEqual({ number: 7, digest: 'P7', external: url });
    expect(decision.obligations).toEqual(
      { allow: { redact: ['iban'] }, hold: { redact: ['iban'], approve: here === 'hold' ? approve : { quorum: 1, expires_s: 3600 } }, refuse: {} }[effect],
    );
  });

  it('is refused when one of them cannot be asked, by a rule that says so', () => {
    const { effect, rules } = bothAllow(own('allow'), { effect: 'refuse', reason: 'It did not answer.', unavailable: true }, url);
    expect([effect, rules[0]]).toEqual(['refuse', { id: 'external-policy-unavailable', effect: 'refuse', reason: 'It did not answer.' }]);
  });
});
