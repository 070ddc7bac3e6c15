import type { Decision } from '@customhouse/policy-contract/decision';

/** The rule by which a call is refused that was stopped, whatever the policy says. */
export const stoppedRule = 'stopped';

/** The decision on a call that was stopped. `words`: what is stopped, and why. No rule of the policy was asked. */
export function stoppedDecision(words: string, { version }: { readonly version: { readonly number: number; readonly digest: string } }): Decision {
  return { effect: 'refuse', rules: [{ id: stoppedRule, effect: 'refuse', reason: words }], obligations: {}, policy: { number: version.number, digest: version.digest } };
}
