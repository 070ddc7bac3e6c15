import type { ClientMethod } from '@customhouse/policy-contract/methods';
import type { Server } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import { UpstreamFailed, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { ClientProfile, Errand, UpstreamRequest } from '../upstreams/errand.js';
import type { Call } from './call.js';
import type { Outcome } from './outcome.js';
import { paramsFor } from './params.js';
import { wantsServerTask } from './tasks/server-task-wish.js';

/** Where calls are sent: `Upstreams`. */
export interface Sender {
  call(server: Server, errand: Errand): Promise<UpstreamAnswer>;
}

export interface DispatchLimits {
  /** Largest answer. */
  readonly resultBytes: number;
  /** For how long a server is to keep a task. */
  readonly taskTimeout_ms: number;
}

/** What the server may say to the client in the course of a call. */
export interface ClientLink {
  readonly profile: ClientProfile;
  readonly onMessage: ((message: JsonObject) => void) | undefined;
  readonly onRequest: ((request: UpstreamRequest) => void) | undefined;
  readonly onPaused?: (() => void) | undefined;
}

/** What the server's answer is before anybody looked into it, or how the call ended without one. */
export type Dispatched = UpstreamAnswer | Extract<Outcome, { kind: 'unsent' | 'aborted' | 'lost' }>;

/**
 * Sends what was recorded, and only that: the target, the arguments, and the trace they belong to. Does not reject: whatever happens is
 * an outcome of the call.
 */
export async function dispatch(call: Call, server: Server | undefined, sender: Sender, limits: DispatchLimits, link: ClientLink): Promise<Dispatched> {
  if (server === undefined) return { kind: 'unsent', rule: 'upstream-unavailable', reason: 'server-removed', message: `the server "${call.server}" is no longer registered` };
  call.phase = 'queued';
  const errand: Errand = {
    method: call.method,
    params: paramsOf(call),
    exposed: call.asked.name,
    definition: call.method === 'tools/call' ? (call.served?.described as JsonObject | undefined) : undefined,
    who: call.caller.who,
    session: call.session.id,
    era: revisionOf(call.session.protocol)?.era,
    profile: link.profile,
    due: call.due,
    more_ms: () => call.more_ms(performance.now()),
    max_bytes: limits.resultBytes,
    task: wantsServerTask(call) ? { ttl: limits.taskTimeout_ms } : undefined,
    isCancelled: () => call.cancelled,
    onSending: () => {
      call.phase = 'sent';
      return (call.abort = new AbortController()).signal;
    },
    onMessage: link.onMessage,
    onRequest: link.onRequest,
    onPaused: link.onPaused,
  };
  try {
    return await sender.call(server, errand);
  } catch (error) {
    return endOf(error, `"${call.server}"`);
  }
}

function paramsOf(call: Call): JsonObject {
  const { arguments: args, progressToken, traceparent, meta: passed, extra } = call.asked;
  let params = paramsFor(call.method as ClientMethod, call.target, args);
  if (extra !== undefined || call.input !== undefined) params = { ...extra, ...params, ...call.input };
  if (progressToken === undefined && traceparent === undefined && passed === undefined) return params;
  const meta: JsonObject = (params['_meta'] = { ...(extra?.['_meta'] as JsonObject | undefined), ...passed });
  if (progressToken !== undefined) meta['progressToken'] = progressToken;
  if (traceparent !== undefined) meta['traceparent'] = traceparent;
  return params;
}

/** How a call ended that got no answer. `peer`: who should have answered. Throws what is a fault of ours. */
export function endOf(error: unknown, peer: string): Dispatched {
  if (!(error instanceof UpstreamFailed)) throw error;
  const { reason, message } = error;
  if (error.sent === 'maybe') return { kind: 'lost', reason, message: `the call was sent to ${peer}, and nobody can know whether it took effect: ${message}` };
  if (reason === 'cancelled') return { kind: 'aborted', reason: 'cancelled' };
  if (reason === 'overloaded') return { kind: 'unsent', rule: 'too-many-calls', reason: 'upstream-overloaded', message: `${peer} has too much to do: ${message}` };
  return { kind: 'unsent', rule: 'upstream-unavailable', reason: `upstream-${reason}`, message: `the call was not sent to ${peer}: ${message}` };
}
