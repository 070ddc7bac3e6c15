import { errorCodes } from '@customhouse/mcp-wire/errors';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import type { Errand } from '../../upstreams/errand.js';
import type { Call } from '../call.js';
import { endOf, type Dispatched } from '../dispatch.js';
import type { Parts } from '../parts.js';
import { termsOf } from './task.js';

/** Between two looks at a task of a server, whatever the server wants. */
const pause = { least_ms: 200, usual_ms: 1_000, most_ms: 30_000 };

/** A request about the task of a call, which no record of its own is made of. Does not reject. */
export async function aboutTask(
  call: Call,
  parts: Parts,
  request: { readonly method: string; readonly params: JsonObject },
  more: Partial<Pick<Errand, 'due' | 'more_ms' | 'onSending' | 'onMessage' | 'onRequest'>> & Pick<Errand, 'profile'>,
): Promise<Dispatched> {
  const server = parts.catalog.server(call.server);
  if (server === undefined) return { error: { code: errorCodes['upstream-unavailable'], message: `the server "${call.server}" is no longer registered` } };
  const errand: Errand = {
    ...request,
    exposed: call.asked.name,
    who: call.caller.who,
    session: call.session.id,
    era: revisionOf(call.session.protocol)?.era,
    due: performance.now() + parts.settings.callTimeout_ms,
    max_bytes: parts.settings.resultBytes,
    isCancelled: () => false,
    onSending: () => new AbortController().signal,
    onMessage: undefined,
    onRequest: undefined,
    ...more,
  };
  try {
    return await parts.sender.call(server, errand);
  } catch (error) {
    return endOf(error, `"${call.server}"`);
  }
}

/** The call was cancelled, or the time for its task is over. */
export function isOver(call: Call): boolean {
  return call.cancelled || (call.asking === 0 && performance.now() >= call.due);
}

/** Waits until the task is to be looked at again. Ends at once when the call is over, or there is something new. */
export async function untilNextLook(call: Call, interval: unknown, isNew: () => boolean = () => false): Promise<void> {
  const wanted = typeof interval === 'number' && interval > 0 ? interval : pause.usual_ms;
  const until = Math.min(performance.now() + Math.min(Math.max(wanted, pause.least_ms), pause.most_ms), Math.max(call.due, performance.now() + pause.least_ms));
  while (!call.cancelled && !isNew() && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause.least_ms, Math.max(1, until - performance.now()))));
}

/** How the task of a server is followed in one era. */
export interface Follower {
  /** Resolves with the end of the task; undefined when the call was cancelled, or its time is over. */
  follow(created: JsonObject): Promise<Dispatched | undefined>;
  /** Tells the server that nobody waits any more. Does not reject. */
  abandon(): Promise<unknown>;
}

/** Lets a call be a task from now on, and follows that of its server until it has ended. Does not reject, except by a fault of ours. */
export async function followToEnd(call: Call, parts: Parts, created: JsonObject, follower: Follower): Promise<Dispatched> {
  call.due = performance.now() + parts.settings.taskTimeout_ms;
  call.client?.becomeTask?.(termsOf(call, parts.settings.taskTimeout_ms));
  const end = await follower.follow(created);
  if (end !== undefined) return end;
  await follower.abandon();
  return withoutEnd(call, parts);
}

/** How a call ends whose task did not. */
function withoutEnd(call: Call, parts: Parts): Dispatched {
  return call.cancelled
    ? { kind: 'lost', reason: 'cancelled', message: 'the call was cancelled while its server worked on it' }
    : { kind: 'lost', reason: 'timeout', message: `the task of the server "${call.server}" did not end within ${parts.settings.taskTimeout_ms} ms` };
}

/** A server that cannot be reached for a moment still works on its task. This is how it ends when that takes too long. */
export function unreachable(call: Call): Dispatched {
  return { kind: 'lost', reason: 'task-unreachable', message: `the server "${call.server}" no longer says how its task is going` };
}

/** Tells the client what the server says of its task in words. It goes unrecorded, so what the detectors object to is left out. */
export function passMessage(call: Call, parts: Parts, message: unknown): void {
  if (typeof message !== 'string' || message === '') return call.client?.taskSays?.(undefined);
  if (parts.inspector.inspectResult({ message }).findings.length === 0) call.client?.taskSays?.(message);
}
