import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Policy, Target } from '@customhouse/policy-engine/policy';
import { NotInTime } from '@customhouse/policy-engine/policy-module';
import { Failure } from '../failure.js';

/** Says at once what a caller may see. */
export interface Sight {
  visible(principal: PolicyInput['principal'], target: Target, method?: GovernedMethod): boolean;
}

/**
 * Does what has to know what a caller may see. A policy that is evaluated elsewhere is asked beforehand about everything that the work would
 * ask: the work is done once to find that out, and again with the answers, until there is no new question. It must do nothing else.
 * Rejects with Failure when the policy does not say in time: half a list would look like a whole one.
 */
export function seeing<Result>(policy: Policy, work: (sight: Sight) => Result): Result | Promise<Result> {
  return policy.instant ? work(policy) : seeingElsewhere(policy, work);
}

async function seeingElsewhere<Result>(policy: Extract<Policy, { instant: false }>, work: (sight: Sight) => Result): Promise<Result> {
  const known = new Map<string, boolean>();
  for (;;) {
    const unknown = new Map<string, () => Promise<boolean>>();
    const result = work({
      visible: (principal, target, method) => {
        const key = JSON.stringify([method, target]);
        if (!known.has(key)) unknown.set(key, () => policy.visible(principal, target, method));
        return known.get(key) ?? false;
      },
    });
    if (unknown.size === 0) return result;
    for (const [key, ask] of unknown) known.set(key, await inTime(ask()));
  }
}

async function inTime(answer: Promise<boolean>): Promise<boolean> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NotInTime) throw new Failure('not-ready', 'the policy did not say in time what is shown to you; try again shortly', { reason: error.rule });
    throw error;
  }
}
