import type { Policy } from '@customhouse/policy-engine/policy';
import { PastState, type PastCall } from '../domain/past-state.js';
import { decideAgain, looksAtArguments, needsOf, type Again, type Opened, type Past } from './again.js';

/** A version that is led through what happened, in the order in which it did: it decides each call once more. */
export class Trial {
  /** `before`: what it knows when it begins. */
  constructor(
    readonly policy: Policy,
    readonly before = new PastState(),
  ) {}

  looksAtArguments(call: Past): boolean {
    return looksAtArguments(call, this.policy);
  }

  /** Decides the next call, when the one before is decided. `opened`: its arguments, where the version looks at them. */
  async decide(call: Past, opened: Opened | undefined): Promise<Again> {
    const past = pastOf(call);
    const { session_state, limits } = needsOf(call, this.policy);
    const before = {
      ...(session_state && call.rest['session_state'] === undefined && { session_state: this.before.sessionState(past) }),
      ...(limits.length > 0 && { used: this.before.used(past, limits) }),
    };
    const again = await decideAgain(call, this.policy, opened, before);
    this.before.add(past, call.decision, again.outcome === 'decided' ? again.decision : undefined, limits);
    return again;
  }

  /** A held call was approved and sent. `held`: the call, where it is known. */
  sent(call: string, time: number, held?: Past): void {
    this.before.sent(call, time, held && pastOf(held));
  }

  /** A result brought findings into a session. */
  found(session: string, rules: readonly string[]): void {
    this.before.found(session, rules);
  }
}

/** Whether what a version decides may depend on what had happened before. */
export function looksBack({ version: { rules, modules } }: Policy): boolean {
  return Object.keys(modules).length > 0 || rules.rules.some((rule) => rule.session_labels !== undefined || rule.limit !== undefined);
}

function pastOf({ call, time, tenant, caller, target, rest }: Past): PastCall {
  const { agent, person } = caller['principal'] as { agent: string; person: string };
  const { server, tool, labels } = target as { server: string; tool: string; labels: readonly string[] | null };
  return { call, time, tenant, agent, person, session: rest['session'] as string, server, tool, labels: labels ?? [] };
}
