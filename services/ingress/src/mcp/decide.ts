import { bothAllow, type Verdict } from '@customhouse/policy-contract/both-allow';
import type { Decision } from '@customhouse/policy-contract/decision';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import { refusal } from '@customhouse/policy-engine/decision-of';
import type { InstantPolicy, NeededLimit, Policy, RemotePolicy } from '@customhouse/policy-engine/policy';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import { admit, type Question } from '../domain/admit.js';
import { stoppedDecision } from '../domain/stopped.js';
import type { ExternalPolicy } from '../external-policy.js';
import type { Call } from './call.js';
import type { Parts } from './parts.js';

/** What is decided on a call, and what it was decided on. */
export type Decided = readonly [Decision, PolicyInput];

/** What a decision is made with. */
export interface Deciding {
  readonly parts: Pick<Parts, 'stops' | 'external' | 'turns'>;
  /** Made when it is asked, because things change while somebody else is asked. */
  readonly questionOf: () => Question;
  /** Told of the decision in the moment that it is made, so that the next one knows. */
  readonly take: (decided: Decided) => void;
}

/** Decides by the policy of the gateway and, where there is one, by an external decision point, both of which must allow. A promise only where somebody else is asked. */
export function decide(call: Call, policy: Policy, deciding: Deciding): void | Promise<void> {
  const { parts, questionOf, take } = deciding;
  if (parts.external !== undefined) return decideByBoth(call, policy, parts.external, deciding);
  if (!policy.instant) return decideInTurn(call, policy, deciding);
  take(decideHere(call, policy, deciding, questionOf()));
}

async function decideByBoth(call: Call, policy: Policy, external: ExternalPolicy, deciding: Deciding): Promise<void> {
  const { questionOf, take } = deciding;
  const own = policy.instant ? decideHere(call, policy, deciding, questionOf()) : await decideElsewhere(call, policy, deciding, questionOf());
  // What is refused anyway is nobody else's business.
  if (own[0].effect === 'refuse') return take(own);
  const verdict = await askExternal(call, own[1], external);
  const takeBoth = ([decision, input]: Decided): void => take([withoutImpossibleHold(bothAllow(decision, verdict, external.url), call.method), input]);
  if (!policy.instant) return decideInTurn(call, policy, { ...deciding, take: takeBoth });
  takeBoth(decideHere(call, policy, deciding, questionOf()));
}

/** `input`: what the policy of the gateway saw. The other one also sees the arguments that it was said to. */
export function askExternal(call: Call, input: PolicyInput, external: ExternalPolicy): Promise<Verdict> {
  const more = external.arguments.length === 0 ? {} : selectArguments(external.arguments, call.asked.arguments);
  return external.ask({ ...input, arguments: { ...input.arguments, ...more } });
}

/** How often a question is asked anew because a limit was reached meanwhile. */
const attempts = 5;

/**
 * One decision after the other for each caller: each knows what the session has done before, and who asks what takes long waits for it
 * himself. A limit may be for several callers, so what it was when the question was put must still be so when the answer is there.
 */
function decideInTurn(call: Call, policy: RemotePolicy, deciding: Deciding): Promise<void> {
  const { parts, questionOf, take } = deciding;
  return parts.turns.take(call.caller.who, async () => {
    const { limits } = policy.needs(call.server, call.target, call.method, call.served?.labels);
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const decided = await decideElsewhere(call, policy, deciding, questionOf());
      if (limits.length === 0 || usedUp(limits, decided[1]) === usedUp(limits, questionOf().input)) return take(decided);
    }
    const { input } = questionOf();
    take([refusal(policy.stamp, 'policy-busy', 'The limits of the policy were reached while the call was decided, so it is refused. Try again shortly.'), input]);
  });
}

/** Which of these limits are used up, as a text to compare. */
function usedUp(limits: readonly NeededLimit[], { used }: PolicyInput): string {
  return limits.map(({ rule, limit }) => (used[rule]! >= limit.calls ? rule : '')).join(' ');
}

function decideHere(call: Call, policy: InstantPolicy, { parts }: Deciding, question: Question): Decided {
  const stopped = parts.stops.against(call);
  return [stopped === undefined ? admit(question, policy) : stoppedDecision(stopped, policy), question.input];
}

async function decideElsewhere(call: Call, policy: RemotePolicy, { parts }: Deciding, question: Question): Promise<Decided> {
  const stopped = parts.stops.against(call);
  return [stopped === undefined ? await admit(question, policy) : stoppedDecision(stopped, policy), question.input];
}
