import type { ClientMethod } from '@customhouse/policy-contract/methods';
import type { Server } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { UpstreamFailed, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { Errand } from '../upstreams/server-lane.js';
import type { Call } from './call.js';
import type { Outcome } from './outcome.js';
import { paramsFor } from './params.js';

/** Where calls are sent: `Upstreams`. */
export interface Sender {
  call(server: Server, errand: Errand): Promise<UpstreamAnswer>;
}

/** What the server's answer is before anybody looked into it, or how the call ended without one. */
export type Dispatched = UpstreamAnswer | Extract<Outcome, { kind: 'unsent' | 'aborted' | 'lost' }>;

/**
 * Sends what was recorded, and only that: the target, the arguments, and the trace they belong to. Does not reject: whatever happens is
 * an outcome of the call.
 */
export async function dispatch(
  call: Call,
  server: Server | undefined,
  sender: Sender,
  max_bytes: number,
  onMessage: ((message: JsonObject) => void) | undefined,
): Promise<Dispatched> {
  if (server === undefined) return { kind: 'unsent', rule: 'upstream-unavailable', reason: 'server-removed', message: `the server "${call.server}" is no longer registered` };
  call.phase = 'queued';
  const errand: Errand = {
    method: call.method,
    params: paramsOf(call),
    who: call.caller.who,
    due: call.due,
    max_bytes,
    isCancelled: () => call.cancelled,
    onSending: () => {
      call.phase = 'sent';
      return (call.abort = new AbortController()).signal;
    },
    onMessage,
  };
  try {
    return await sender.call(server, errand);
  } catch (error) {
    return endOf(call, error);
  }
}

function paramsOf(call: Call): JsonObject {
  const { arguments: args, progressToken, traceparent } = call.asked;
  const params = paramsFor(call.method as ClientMethod, call.target, args);
  if (progressToken === undefined && traceparent === undefined) return params;
  const meta: JsonObject = (params['_meta'] = {});
  if (progressToken !== undefined) meta['progressToken'] = progressToken;
  if (traceparent !== undefined) meta['traceparent'] = traceparent;
  return params;
}

function endOf(call: Call, error: unknown): Dispatched {
  if (!(error instanceof UpstreamFailed)) throw error;
  const { reason, message } = error;
  if (error.sent === 'maybe') return { kind: 'lost', reason, message: `the call was sent to "${call.server}", and nobody can know whether it took effect: ${message}` };
  if (reason === 'cancelled') return { kind: 'aborted', reason: 'cancelled' };
  if (reason === 'overloaded') return { kind: 'unsent', rule: 'too-many-calls', reason: 'upstream-overloaded', message: `"${call.server}" has too much to do: ${message}` };
  return { kind: 'unsent', rule: 'upstream-unavailable', reason: `upstream-${reason}`, message: `the call was not sent to "${call.server}": ${message}` };
}
