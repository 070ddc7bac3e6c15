import type { Decision, FiredRule } from './decision.js';
import { isServerMethod, type GovernedMethod } from './methods.js';

const holdNotPossible: FiredRule = {
  id: 'hold-not-possible',
  effect: 'refuse',
  reason: 'A person would have to approve this first, and what a server asks of a client cannot wait for that.',
};

/**
 * What becomes of a policy's decision where a server asks its client something: it waits for the answer in the middle of a call, and there is
 * nothing that could be held. Every other decision is as it was.
 */
export function withoutImpossibleHold(decision: Decision, method: GovernedMethod): Decision {
  if (decision.effect !== 'hold' || !isServerMethod(method)) return decision;
  return { effect: 'refuse', rules: [holdNotPossible, ...decision.rules], obligations: {}, policy: decision.policy };
}
