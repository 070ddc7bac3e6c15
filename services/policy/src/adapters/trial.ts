import type { Policy } from '@customhouse/policy-engine/policy';
import { PastState, type PastCall } from '../domain/past-state.js';
import { decideAgain, looksAtArguments, needsOf, type Again, type Opened, type Past } from './again.js';

/** A version that decides recorded calls one after the other, in the order in which they were recorded. */
export class Trial {
  readonly #before = new PastState();

  constructor(readonly policy: Policy) {}

  looksAtArguments(call: Past): boolean {
    return looksAtArguments(call, this.policy);
  }

  /** Decides the next call. `opened`: its arguments, where the version looks at them. */
  decide(call: Past, opened: Opened | undefined): Again {
    const past = pastOf(call);
    const { session_state, limits } = needsOf(call, this.policy);
    const before = {
      ...(session_state && call.rest['session_state'] === undefined && { session_state: this.#before.sessionState(past) }),
      ...(limits.length > 0 && { used: this.#before.used(past, limits) }),
    };
    const again = decideAgain(call, this.policy, opened, before);
    this.#before.add(past, call.decision, again.outcome === 'decided' ? again.decision : undefined, limits);
    return again;
  }
}

function pastOf({ time, tenant, caller, target, rest }: Past): PastCall {
  const { agent, person } = caller['principal'] as { agent: string; person: string };
  const { server, tool, labels } = target as { server: string; tool: string; labels: readonly string[] | null };
  return { time, tenant, agent, person, session: rest['session'] as string, server, tool, labels: labels ?? [] };
}
