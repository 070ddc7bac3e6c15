import type { Sealed } from '@customhouse/events/envelope';
import { KeyDestroyed, type Sealer } from '@customhouse/sealing/sealer';
import type { Decision } from '@customhouse/policy-contract/decision';
import { bothAllow, verdictIn } from '@customhouse/policy-contract/both-allow';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { destinationsIn } from '@customhouse/detectors/destinations';
import type { Json } from '@customhouse/kernel/canonical';
import type { Needs, Policy } from '@customhouse/policy-engine/policy';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { intentOf, isOfGateway, isOutOfTime, type RecordedCall } from '../domain/recorded-call.js';

/** What a version says about a recorded call. */
export type Again =
  | { readonly outcome: 'decided'; readonly decision: Decision; /** Null: no policy is asked about such a call. */ readonly input: PolicyInput | null }
  | { readonly outcome: 'erased' }
  | { readonly outcome: 'unreadable'; readonly problem: string };

/** A recorded call, whose arguments may be elsewhere. */
export type Past = Omit<RecordedCall, 'arguments'>;

/** What had happened before a call. */
export type Before = Partial<Pick<PolicyInput, 'session_state' | 'used'>>;

/** Whether arguments have to be opened to decide this call by a version. */
export function looksAtArguments(call: Past, policy: Policy): boolean {
  if (isOfGateway(call.decision, call.target['labels'])) return false;
  return pointersOf(call, policy).length > 0 || (needsOf(call, policy).destinations && call.rest['destinations'] === undefined);
}

/** What else a version wants to know of this call. */
export function needsOf({ target }: Past, policy: Policy): Needs {
  const { server, tool, method } = target as Target;
  return policy.needs(server, tool, method);
}

/**
 * Makes the decision on a recorded call by a version. `opened`: its arguments as `openArguments` gives them; they may be left out where
 * `looksAtArguments` is false. Never rejects. `before`: what had happened before the call, where that was not recorded with it because no rule looked at it then.
 */
export async function decideAgain(call: Past, policy: Policy, opened?: Opened, before: Before = {}): Promise<Again> {
  const { number, digest } = policy.version;
  const recorded = intentOf(call);
  if (isOfGateway(call.decision, recorded.labels) || (isOutOfTime(call.decision) && isOf(call, policy)))
    return { outcome: 'decided', decision: { ...call.decision, policy: { number, digest } }, input: null };
  if (looksAtArguments(call, policy) && opened?.outcome !== 'opened') return opened ?? { outcome: 'unreadable', problem: 'its arguments were not opened' };
  const args = opened?.outcome === 'opened' ? opened.value : undefined;
  const needs = needsOf(call, policy);
  const data = {
    ...recorded,
    session_state: recorded.session_state ?? before.session_state,
    destinations: recorded.destinations ?? (needs.destinations ? destinationsIn(args as Json) : undefined),
    // What was recorded counts for the version that decided, whose rules may have the same names and other limits.
    used: isOf(call, policy) ? (recorded.used ?? before.used) : before.used,
  };
  const input = recordedInput({ time: call.time, data }, args, pointersOf(call, policy));
  const own = withoutImpossibleHold(await policy.decide(input), input.method);
  // Nobody asks outside once more: what was said then is part of the record.
  const verdict = verdictIn(call.decision);
  const decision = verdict === undefined ? own : withoutImpossibleHold(bothAllow(own, verdict, call.decision.policy.external!), input.method);
  return { outcome: 'decided', decision, input };
}

/** Whether this version decided the call. */
function isOf({ decision }: Past, { version }: Policy): boolean {
  return decision.policy.digest === version.digest;
}

/** Sealed arguments, as far as they can still be read. */
export type Opened = { readonly outcome: 'opened'; readonly value: unknown } | Extract<Again, { readonly outcome: 'erased' | 'unreadable' }>;

export async function openArguments(sealed: Sealed | undefined, sealer: Sealer): Promise<Opened> {
  if (sealed === undefined) return { outcome: 'unreadable', problem: 'its arguments are no longer in the history' };
  try {
    return { outcome: 'opened', value: JSON.parse(await sealer.open(sealed)) };
  } catch (error) {
    if (error instanceof KeyDestroyed) return { outcome: 'erased' };
    return { outcome: 'unreadable', problem: error instanceof Error ? error.message : String(error) };
  }
}

type Target = { readonly server: string; readonly tool: string; readonly method: GovernedMethod };

/** JSON Pointers of the arguments that rules look at. */
function pointersOf({ target }: Past, policy: Policy): readonly string[] {
  const { server, tool, method } = target as Target;
  return policy.argumentsNeeded(server, tool, method);
}
