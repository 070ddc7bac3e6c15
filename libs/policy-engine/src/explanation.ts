import type { Decision } from '@customhouse/policy-contract/decision';

/** What a decision says to the agent, and what the audit shows as its reason: the deciding rules, each with its words. */
export function explanation(decision: Decision): string {
  const deciding = decision.rules.filter((rule) => rule.effect === decision.effect);
  return deciding.map((rule) => `${rule.reason} (rule ${rule.id})`).join(' ');
}
