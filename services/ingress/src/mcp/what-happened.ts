import type { Policy } from '@customhouse/policy-engine/policy';
import type { Decided } from '../state/history.js';
import type { Call } from './call.js';
import { Failure } from './failure.js';
import type { Parts } from './parts.js';

/**
 * Where rules for this call look at what happened before, it has to be known: what other processes have recorded until now is read first. Undefined:
 * no rule looks, so there is nothing to wait for. Rejects with Failure.
 */
export function knowWhatHappened(call: Call, policy: Policy, { calls, settings }: Parts): Promise<void> | undefined {
  const { session_state, limits } = policy.needs(call.server, call.target, call.method, call.served?.labels);
  if (!session_state && limits.length === 0) return undefined;
  return calls.current(settings.historyTimeout_ms).catch((error: unknown) => {
    throw new Failure('state-stale', 'the policy looks at earlier calls, and those cannot be read from the log at the moment; try again shortly', {
      call: call.id,
      cause: error instanceof Error ? error.name : 'unknown',
    });
  });
}

/** What is remembered of a call that was decided. */
export function decidedOf(call: Call): Decided {
  const { id, session, caller, server, target, served, decision, time } = call;
  return { call: id, session: session.id, principal: caller.principal, server, tool: target, labels: served?.labels ?? [], decision, time };
}
