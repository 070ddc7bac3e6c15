import { bothAllow, type Verdict } from '@customhouse/policy-contract/both-allow';
import type { Decision } from '@customhouse/policy-contract/decision';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Policy } from '@customhouse/policy-engine/policy';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import { admit, type Question } from '../domain/admit.js';
import { stoppedDecision } from '../domain/stopped.js';
import type { ExternalPolicy } from '../external-policy.js';
import type { Call } from './call.js';
import type { Parts } from './parts.js';

/** What is decided on a call, and what it was decided on. `questionOf`: made when it is asked, because things change while somebody else is asked. */
export type Decided = readonly [Decision, PolicyInput];

/** Decides by the policy of the gateway and, where there is one, by an external decision point, both of which must allow. */
export function decide(call: Call, policy: Policy, parts: Pick<Parts, 'stops' | 'external'>, questionOf: () => Question): Decided | Promise<Decided> {
  const own = decideOwn(call, policy, parts, questionOf());
  const { external } = parts;
  // What is refused anyway is nobody else's business.
  if (external === undefined || own[0].effect === 'refuse') return own;
  return askExternal(call, own[1], external).then((verdict) => {
    const [decision, input] = decideOwn(call, policy, parts, questionOf());
    return [withoutImpossibleHold(bothAllow(decision, verdict, external.url), call.method), input];
  });
}

/** `input`: what the policy of the gateway saw. The other one also sees the arguments that it was said to. */
export function askExternal(call: Call, input: PolicyInput, external: ExternalPolicy): Promise<Verdict> {
  const more = external.arguments.length === 0 ? {} : selectArguments(external.arguments, call.asked.arguments);
  return external.ask({ ...input, arguments: { ...input.arguments, ...more } });
}

function decideOwn(call: Call, policy: Policy, { stops }: Pick<Parts, 'stops'>, question: Question): Decided {
  const stopped = stops.against(call);
  return [stopped === undefined ? admit(question, policy) : stoppedDecision(stopped, policy), question.input];
}
