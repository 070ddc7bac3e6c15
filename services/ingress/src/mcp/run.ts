import type { RecordedEvent } from '@customhouse/event-log/sink';
import type { DataKey } from '@customhouse/sealing/sealer';
import type { Catalog } from '../state/catalog.js';
import type { Call } from './call.js';
import type { Dispatched } from './dispatch.js';
import { withExposedUris } from './answers/exposed-uris.js';
import { inspect } from './inspect.js';
import { firstDecisive } from './log-search.js';
import type { Outcome } from './outcome.js';
import type { Parts } from './parts.js';
import { capped } from './answers/result-cap.js';
import { decidedOf } from './what-happened.js';

/** Time to look for the end of a call in the log. */
const search_ms = 5_000;

/** How a call gets to whom it is for. Does not reject, except by a fault of ours. */
export type Send = (call: Call, parts: Parts) => Promise<Dispatched>;

/** From the recorded intent to the recorded end. Rejects with Failure when the end could not be recorded in time. */
export async function run(call: Call, key: DataKey, parts: Parts, send: Send): Promise<[Outcome, RecordedEvent | undefined]> {
  if (await wasEnded(call, parts)) return [takenForDead, undefined];
  const sent = performance.now();
  if (call.decision.effect === 'hold') parts.history.sent(call.id, Date.now(), decidedOf(call));
  parts.stops.enter(call);
  const reached = await outcomeOf(call, parts, send).catch((error: unknown) => fault(call, parts, error));
  parts.stops.leave(call);
  const outcome = call.stopped === undefined ? reached : stoppedOutcome(reached, call.stopped);
  const upstream_ms = Math.round((performance.now() - sent) * 1000) / 1000;
  call.phase = 'ended';
  if ('findings' in outcome)
    parts.history.found(
      call.session.id,
      outcome.findings.map(({ rule }) => rule),
      Date.now(),
    );
  if (await wasEnded(call, parts)) return [takenForDead, undefined];
  return [outcome, await parts.recorder.ended(call, outcome, key, upstream_ms)];
}

const takenForDead: Outcome = {
  kind: 'lost',
  reason: 'writer-gone',
  message: 'the gateway did not run for a while, and the call was recorded as lost meanwhile; whether it was made is not known',
};

/**
 * When this process was stopped while the call was on its way, the audit may have taken it for dead and ended the call. The first end
 * counts: the call is not sent then, and its client is not told another one. Costs nothing where there was no pause.
 */
function wasEnded(call: Call, parts: Parts): boolean | Promise<boolean> {
  return call.intent !== undefined && parts.pauses.pausedSince(call.began) && hasEnd(call, call.intent, parts);
}

async function hasEnd(call: Call, intent: RecordedEvent, parts: Parts): Promise<boolean> {
  const from = { ...intent.position, offset: intent.position.offset + 1 };
  try {
    return (await firstDecisive(parts.log, call.id, from, search_ms)) !== undefined;
  } catch (error) {
    parts.logger.warn({ error, call: call.id }, 'after a pause the log could not be searched for the end of a call; its outcome is recorded');
    return false;
  }
}

async function outcomeOf(call: Call, parts: Parts, send: Send): Promise<Outcome> {
  // Recording took time; whoever waited may be gone, and a process that was stopped may wake up here much later.
  if (call.cancelled) return { kind: 'aborted', reason: 'cancelled' };
  if (performance.now() >= call.due)
    return { kind: 'unsent', rule: 'upstream-unavailable', reason: 'deadline-passed', message: 'the time for the call was over before it could be sent' };
  const known = parts.results.find(call, performance.now());
  if (known !== undefined) return known;
  const answered = asExposed(await send(call, parts), call, parts.catalog);
  const outcome = capped(inspect(answered, parts.inspector, call.decision.obligations.redact), call);
  parts.results.keep(call, outcome, performance.now());
  return outcome;
}

/** The call was cancelled because somebody stopped it, so its client still waits to be told. What came of it before that stays. */
function stoppedOutcome(outcome: Outcome, stopped: string): Outcome {
  if (outcome.kind === 'aborted') return { kind: 'unsent', rule: 'refused', reason: 'stopped', message: `the call was not sent: ${stopped}` };
  if (outcome.kind !== 'lost' || outcome.reason !== 'cancelled') return outcome;
  return { kind: 'lost', reason: 'stopped', message: `the call was cancelled after it had been sent, and nobody can know whether it took effect: ${stopped}` };
}

/** Where servers share an endpoint, what they call their resources is not always what clients do. */
function asExposed(answered: Dispatched, call: Call, catalog: Catalog): Dispatched {
  if (call.session.server !== null || !('result' in answered)) return answered;
  const result = withExposedUris(answered.result, call, catalog);
  return result === answered.result ? answered : { result };
}

/** Even a fault of ours leaves the call with one end, and with the truth about whether it was sent. */
function fault(call: Call, parts: Parts, error: unknown): Outcome {
  parts.logger.error({ error, call: call.id }, 'a call failed by a fault of the gateway');
  if (call.phase === 'sent') return { kind: 'lost', reason: 'gateway-fault', message: 'the gateway failed after the call was sent; its log says why' };
  return { kind: 'unsent', rule: 'internal-error', reason: 'gateway-fault', message: 'the gateway failed before the call was sent; its log says why' };
}
