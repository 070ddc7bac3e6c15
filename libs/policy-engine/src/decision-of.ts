import { Obligations, type Decision, type FiredRule } from '@customhouse/policy-contract/decision';
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
  const { id, effect, reason, nonsense } = recordOf(answer, 'a rule of the decision');
  if (nonsense !== undefined)
    throw new EvaluationFailed(`the Rego of this version fired ${JSON.stringify(nonsense)}, which is no rule with an id, an effect, a reason and obligations that fit it`);
  if (typeof id !== 'string' || typeof reason !== 'string') throw new EvaluationFailed('the module named a rule without id or reason');
  if (effect !== 'allow' && effect !== 'refuse' && effect !== 'hold') throw new EvaluationFailed(`the rule ${id} has the effect ${JSON.stringify(effect)}`);
  return Object.freeze({ effect, id, reason });
}

function obligationsOf(effect: Decision['effect'], answer: unknown): Decision['obligations'] {
  const asked = recordOf(answer, 'the obligations');
  if (Object.keys(asked).length === 0 && effect !== 'hold') return none;
  if (effect === 'refuse') throw new EvaluationFailed('the module asked for something to be done about a call that it refused');
  const obligations = Obligations.safeParse(asked);
  if (!obligations.success)
    throw new EvaluationFailed(
      `the module asked for obligations that there are not: ${obligations.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  if ((effect === 'hold') !== (obligations.data.approve !== undefined))
    throw new EvaluationFailed(effect === 'hold' ? 'the module held a call without saying who has to approve' : 'the module asked for an approval without holding the call');
  return ordered(obligations.data) as Decision['obligations'];
}

const none: Decision['obligations'] = Object.freeze({});

/** The same with the members of every object in canonical order, frozen. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(ordered));
  return Object.freeze(
    Object.fromEntries(
      Object.entries(value)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, member]) => [name, ordered(member)]),
    ),
  );
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EvaluationFailed(`${what} is not an object`);
  return value as Record<string, unknown>;
}
