import type { ApprovalTerms } from '@customhouse/policy-contract/approve';
import type { Effect } from '@customhouse/policy-contract/decision';
import { asksMore } from './terms.js';

/** An approved call just before it is sent: what was approved, and how things stand now. */
export interface Standing {
  /** Bindings of the approval: as the held event says, as the approval service says, and as made again from the held event. */
  readonly binding: { readonly held: string; readonly approved: string; readonly remade: string };
  /** The stored arguments open, and have the digest that was approved. */
  readonly argumentsIntact: boolean;
  /** Unix milliseconds. */
  readonly expires: number;
  readonly now: number;
  readonly credential: 'valid' | 'unknown' | 'expired' | 'revoked';
  readonly definition: { readonly held: string | null; readonly served: string | null | undefined };
  readonly generation: { readonly held: number; readonly served: number | undefined };
  /** In words, what is stopped; undefined when nothing is. */
  readonly stopped: string | undefined;
  /** What the policy in force says about the same call now. */
  readonly effect: Effect;
  /** What the approval took, and what it would take now; undefined when the policy would not hold the call. */
  readonly terms: { readonly held: ApprovalTerms | undefined; readonly now: ApprovalTerms | undefined };
}

export type Objection = 'stopped' | 'digest-mismatch' | 'expired' | 'identity-revoked' | 'definition-changed' | 'policy-changed';

/** Why an approved call must not be sent after all; undefined when it may. Everything that the approval was given on must still be so. */
export function objection(standing: Standing): { readonly reason: Objection; readonly message: string } | undefined {
  const { binding, definition, generation } = standing;
  if (standing.stopped !== undefined) return { reason: 'stopped', message: standing.stopped };
  if (binding.held !== binding.approved || binding.held !== binding.remade || !standing.argumentsIntact)
    return { reason: 'digest-mismatch', message: 'what was approved is not what is stored' };
  // Written so that an expiry that cannot be read has passed.
  if (!(standing.now < standing.expires)) return { reason: 'expired', message: 'the approval had expired before the call could be made' };
  if (standing.credential !== 'valid') return { reason: 'identity-revoked', message: 'the key that the call was made with no longer counts' };
  if (definition.served === undefined || definition.held !== definition.served || generation.held !== generation.served)
    return { reason: 'definition-changed', message: 'what was to be called, or its server, changed after the call was held' };
  if (standing.effect === 'refuse') return { reason: 'policy-changed', message: 'the policy refuses this call now' };
  if (asksMore(standing.terms.now, standing.terms.held)) return { reason: 'policy-changed', message: 'the policy asks more of the approvers now than when they were asked' };
  return undefined;
}
