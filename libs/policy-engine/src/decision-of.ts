import type { Decision, FiredRule } from '@customhouse/policy-contract/decision';
import { EvaluationFailed } from './policy-module.js';

/**
 * Reads what a module answered. A module is a program of somebody else's, so its answer is checked; what is not a decision throws
 * EvaluationFailed. The decision is frozen, because it is handed out more than once, and its members are in canonical order, because it is
 * written into an event each time.
 */
export function decisionOf(answer: unknown, policy: Decision['policy']): Decision {
  const { effect, rules, obligations } = recordOf(answer, 'the decision');
  if (effect !== 'allow' && effect !== 'refuse' && effect !== 'hold') throw new EvaluationFailed(`the module answered with the effect ${JSON.stringify(effect)}`);
  if (!Array.isArray(rules) || rules.length === 0) throw new EvaluationFailed('the module named no rule for its decision');
  return Object.freeze({ effect, obligations: obligationsOf(effect, obligations), policy, rules: Object.freeze(rules.map(firedRule)) as FiredRule[] });
}

/** A refusal by the engine itself. */
export function refusal(policy: Decision['policy'], id: string, reason: string): Decision {
  return { effect: 'refuse', rules: [{ id, effect: 'refuse', reason }], obligations: {}, policy };
}

function firedRule(answer: unknown): FiredRule {
  const { id, effect, reason } = recordOf(answer, 'a rule of the decision');
  if (typeof id !== 'string' || typeof reason !== 'string') throw new EvaluationFailed('the module named a rule without id or reason');
  if (effect !== 'allow' && effect !== 'refuse' && effect !== 'hold') throw new EvaluationFailed(`the rule ${id} has the effect ${JSON.stringify(effect)}`);
  return Object.freeze({ effect, id, reason });
}

function obligationsOf(effect: Decision['effect'], answer: unknown): Decision['obligations'] {
  const { approve } = recordOf(answer, 'the obligations');
  if (effect !== 'hold') {
    if (approve !== undefined) throw new EvaluationFailed('the module asked for an approval without holding the call');
    return Object.freeze({});
  }
  const { quorum, expires_s } = recordOf(approve, 'the approval that a held call needs');
  if (!isCount(quorum) || !isCount(expires_s)) throw new EvaluationFailed('the module held a call without a quorum and an expiry of at least 1');
  return Object.freeze({ approve: Object.freeze({ expires_s, quorum }) });
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1;
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EvaluationFailed(`${what} is not an object`);
  return value as Record<string, unknown>;
}
