import type { Call } from '../call.js';
import type { Outcome } from '../outcome.js';

type Completed = Extract<Outcome, { kind: 'completed' }>;

interface Kept {
  readonly outcome: Completed;
  /** The call that brought it. */
  readonly call: string;
  /** `performance.now()` of when it came. */
  readonly came: number;
  readonly bytes: number;
}

/**
 * Results that may be given again, where the policy says so (`cache_s`): to the same caller, for the same arguments of the same definition
 * under the same policy, of tools that only read. A call that gets one is decided and recorded like any other.
 */
export class ResultCache {
  /** In the order of last use. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  /** `most_bytes`: of all results together. One that would take more than an eighth of it is not kept. */
  constructor(private readonly most_bytes: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** What was kept for a call like this one, if it is not too old for it. Never for a call that a person approved: that is to be made. */
  find(call: Call, now: number): Completed | undefined {
    if (call.decision.effect !== 'allow') return undefined;
    const key = keyOf(call);
    const kept = key === undefined ? undefined : this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#forget(key!);
    if (now - kept.came >= call.decision.obligations.cache_s! * 1_000) return undefined;
    this.#keep(key!, kept);
    return { ...kept.outcome, cached: kept.call };
  }

  /** Errors, and results that the tool itself calls an error, are not kept. */
  keep(call: Call, outcome: Outcome, now: number): void {
    if (outcome.kind !== 'completed' || outcome.result['isError'] === true) return;
    const key = keyOf(call);
    // Its text, and what that was made of.
    const bytes = 2 * outcome.text.length;
    if (key === undefined || bytes > this.most_bytes / 8) return;
    this.#forget(key);
    this.#keep(key, { outcome, call: call.id, came: now, bytes });
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= this.most_bytes) break;
      this.#forget(oldest);
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    this.#bytes += kept.bytes;
  }

  #forget(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

/** Undefined for a call whose result must not be given again: the policy does not say so, or its tool may do more than read. */
function keyOf({ method, decision, served, caller, session, target, asked, input, arguments: args }: Call): string | undefined {
  if (decision.obligations.cache_s === undefined || method !== 'tools/call' || served === undefined || !served.labels.includes('read-only')) return undefined;
  // What is sent beside the arguments may change the result.
  if (asked.extra !== undefined || input !== undefined) return undefined;
  const { server, definition, generation } = served;
  return JSON.stringify([caller.who, caller.standing, session.server, session.protocol, server, generation, target, definition, args.digest, decision.policy.digest]);
}
