import type { Decision, FiredRule } from './decision.js';

/** What an external decision point said of a call, or that it could not be asked. */
export interface Verdict {
  readonly effect: Decision['effect'];
  readonly reason: string;
  /** It was not asked, or gave no answer that can be read: that refuses. */
  readonly unavailable?: true;
}

/** Rules of a decision that come from outside. */
export const externalRules = { said: 'external-policy', unavailable: 'external-policy-unavailable' } as const;

const oneWithinAnHour = { expires_s: 3600, quorum: 1 };

/**
 * The decision on a call that the policy of the gateway and an external decision point both have to allow: the stricter of the two. `external`
 * names the decision point in the record. A hold by both keeps the terms of the gateway's own rules, since the other one has none.
 */
export function bothAllow(own: Decision, verdict: Verdict, external: string): Decision {
  const policy = { digest: own.policy.digest, external, number: own.policy.number };
  const said: FiredRule = { effect: verdict.effect, id: verdict.unavailable ? externalRules.unavailable : externalRules.said, reason: verdict.reason };
  if (verdict.effect === 'refuse' || own.effect === 'refuse') {
    const rules = verdict.effect === 'refuse' ? [said, ...own.rules] : [...own.rules, said];
    return { effect: 'refuse', rules, obligations: {}, policy };
  }
  if (verdict.effect === 'allow') return { ...own, rules: [...own.rules, said], policy };
  return { effect: 'hold', rules: [said, ...own.rules], obligations: { ...own.obligations, approve: own.obligations.approve ?? oneWithinAnHour }, policy };
}

/** What an external decision point had said, as a recorded decision has it; undefined when none was asked. */
export function verdictIn({ rules, policy }: Decision): Verdict | undefined {
  if (policy.external === undefined) return undefined;
  const said = rules.find(({ id }) => id === externalRules.said || id === externalRules.unavailable);
  return said && { effect: said.effect, reason: said.reason, ...(said.id === externalRules.unavailable && { unavailable: true }) };
}
