import type { ServerMethod } from '@customhouse/policy-contract/methods';
import { errorCodes, type ErrorRule } from '@customhouse/mcp-wire/errors';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { newUlid } from '@customhouse/sealing/random';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { UpstreamRequest } from '../../upstreams/errand.js';
import { Call } from '../call.js';
import { isAskMethod, lacking } from './client-capabilities.js';
import type { ClientSide } from '../sessions/client-side.js';
import { endOf, type Dispatched } from '../dispatch.js';
import { Failure } from '../failure.js';
import { judge } from '../judge.js';
import type { Outcome } from '../outcome.js';
import type { Parts } from '../parts.js';
import { refusalText } from '../answers/reply.js';
import { run } from '../run.js';

/** What a server wants of the client behind a call. */
export interface Ask {
  readonly method: ServerMethod;
  readonly params: JsonObject;
  /** Aborted when the server no longer wants the answer. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((params: JsonObject) => void) | undefined;
  /** What the server calls its question, where it has a name. */
  readonly key?: string;
}

/** Answers a request that came from the server of a call. Does not throw. */
export function answerUpstream(parent: Call, request: UpstreamRequest, parts: Parts): void {
  const { method, params, signal, onProgress } = request;
  if (!isAskMethod(method)) return request.respond(refusal(errorCodes['method-not-found'], `${method.slice(0, 100)} is not something that can be asked of a client`));
  void askClient(parent, { method, params, signal, onProgress }, parts).then((answer) => request.respond(answer));
}

/**
 * Asks the client behind a call what its server wants to know: a call of its own, in the other direction, with the same stages. The
 * policy sees it, it is recorded before the client is asked, and its answer before the server gets it. Does not reject: whatever happens is
 * an answer.
 */
export async function askClient(parent: Call, ask: Ask, parts: Parts): Promise<UpstreamAnswer> {
  const { client } = parent;
  if (client === undefined) return refusal(errorCodes['internal-error'], 'the call goes on without its client, so nothing can be asked of it');
  if (parent.phase === 'ended' && client.outlivesCalls !== true)
    return refusal(errorCodes['internal-error'], 'the call has ended, and its client is asked things in the course of calls only');
  const missing = lacking(client.capabilities, ask.method, ask.params);
  if (missing !== undefined) return { error: { ...missing } };
  if (parent.asking >= parts.settings.asksPerCall)
    return refusal(errorCodes['too-many-calls'], `${parent.asking} requests of this call wait for its client already; wait until it has answered some`);
  const call = callFor(parent, ask);
  const started = performance.now();
  parent.askBegan(started);
  try {
    return await live(call, ask, client, parts);
  } catch (error) {
    if (!(error instanceof Failure)) parts.logger.error({ error, call: call.id }, 'a request to a client failed by a fault of the gateway');
    const failure = error instanceof Failure ? error : new Failure('internal-error', 'the gateway failed; its log says why');
    parts.metrics.failures.inc({ rule: failure.rule });
    return refusal(errorCodes[failure.rule], failure.message, { rule: failure.rule, call: call.id });
  } finally {
    call.phase = 'ended';
    const now = performance.now();
    parent.askEnded(now);
    parts.metrics.callEnded(call, now - started);
  }
}

async function live(call: Call, ask: Ask, client: ClientSide, parts: Parts): Promise<UpstreamAnswer> {
  const { recorder } = parts;
  recorder.mustBeWritable();
  call.due = performance.now() + parts.settings.askTimeout_ms;
  const key = await judge(call, parts);
  // What would be held is refused here: nobody can wait for it.
  if (call.decision.effect !== 'allow') {
    await recorder.refused(call, call.decision.rules[0]!.id);
    return refusal(errorCodes.refused, refusalText(call.id, call.decision), { rule: 'refused', call: call.id, rules: call.decision.rules.map((rule) => rule.id) });
  }
  await recorder.admitted(call);
  const [outcome] = await run(call, key, parts, () => send(call, ask, client, parts));
  return answerOf(call, outcome);
}

/** Sends what was recorded to the client. Does not reject. */
async function send(call: Call, ask: Ask, client: ClientSide, parts: Parts): Promise<Dispatched> {
  call.phase = 'sent';
  const signal = AbortSignal.any([ask.signal, AbortSignal.timeout(parts.settings.askTimeout_ms)]);
  try {
    return await client.ask(ask.method, ask.params, signal, ask.onProgress, ask.key);
  } catch (error) {
    return endOf(error, 'the client');
  }
}

function callFor(parent: Call, ask: Ask): Call {
  const now = Date.now();
  const { name, traceparent } = parent.asked;
  // What is asked between calls belongs to none; the last one only says whose client it is for.
  const between = parent.phase === 'ended';
  const asked = { requestId: 0, method: ask.method, name: between ? '' : name, arguments: ask.params, progressToken: undefined, traceparent };
  const call = new Call(newUlid(now), asked, parent.caller, parent.session, parent.network, undefined, now, between ? undefined : parent.id);
  call.server = parent.server;
  call.target = between ? '' : parent.target;
  call.served = { server: parent.server, definition: null, labels: [], generation: parent.served?.generation ?? 0 };
  return call;
}

function answerOf(call: Call, outcome: Outcome): UpstreamAnswer {
  switch (outcome.kind) {
    case 'completed':
      return { result: outcome.result };
    case 'error':
      return { error: outcome.error };
    case 'unsent':
      return withRule(outcome.rule, outcome.message, call);
    case 'lost':
      return withRule('outcome-unknown', outcome.message, call);
    case 'aborted':
      return withRule('internal-error', 'nobody waits for the answer any more', call);
  }
}

function withRule(rule: ErrorRule, message: string, call: Call): UpstreamAnswer {
  return refusal(errorCodes[rule], message, { rule, call: call.id });
}

function refusal(code: number, message: string, data?: JsonObject): UpstreamAnswer {
  return { error: data === undefined ? { code, message } : { code, message, data } };
}
