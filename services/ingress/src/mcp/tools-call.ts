import { canonicalise } from '@customhouse/kernel/canonical';
import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { notificationText } from '@customhouse/mcp-wire/messages';
import { traceParent } from '@customhouse/mcp-wire/headers';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { Policy } from '@customhouse/policy-engine/policy';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import type { DataKey } from '@customhouse/sealing/sealer';
import type { RecordedEvent } from '@customhouse/event-log/sink';
import { admit, type Question } from '../domain/admit.js';
import type { Catalog } from '../state/catalog.js';
import type { Asked, Call } from './call.js';
import { dispatch } from './dispatch.js';
import { Failure } from './failure.js';
import { inspect } from './inspect.js';
import { firstDecisive } from './log-search.js';
import type { Outcome } from './outcome.js';
import type { Parts } from './parts.js';
import { failureReply, outcomeReply, receiptOf, refusalReply } from './reply.js';
import { resolve } from './resolve.js';

/** Time to look for the end of a call in the log. */
const search_ms = 5_000;
/** Names are limited, because they are recorded in clear. */
const maxNameLength = 256;

/** Reads the parameters of a `tools/call`. Throws Failure. */
export function asked(requestId: RequestId, params: JsonObject | undefined): Asked {
  const name = params?.['name'];
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength)
    throw new Failure('invalid-params', `tools/call needs "name", a text of 1 to ${maxNameLength} characters`);
  const args = params!['arguments'] ?? {};
  if (!isJsonObject(args)) throw new Failure('invalid-params', 'the "arguments" of tools/call must be an object');
  const meta = params!['_meta'];
  const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
  return {
    requestId,
    name,
    arguments: args,
    progressToken: isRequestId(token) ? token : undefined,
    wait_ms: isJsonObject(meta) ? waitOf(meta['customhouse/wait_ms']) : undefined,
    traceparent: isJsonObject(meta) ? traceParent(meta['traceparent']) : undefined,
  };
}

function waitOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

/** The life of one call, from its arrival to its reply. Does not reject. */
export async function toolsCall(call: Call, parts: Parts): Promise<void> {
  const { active, metrics } = parts;
  const { who } = call.caller;
  const started = performance.now();
  try {
    active.enter(who);
  } catch (error) {
    return answerFailure(call, parts, error);
  }
  active.register(call.session.id, call.asked.requestId, call);
  try {
    await live(call, parts);
  } catch (error) {
    answerFailure(call, parts, error);
  } finally {
    call.phase = 'ended';
    active.unregister(call.session.id, call.asked.requestId, call);
    active.leave(who);
    metrics.callEnded(call, performance.now() - started);
  }
}

async function live(call: Call, parts: Parts): Promise<void> {
  const { recorder } = parts;
  const policy = parts.policy();
  recorder.mustBeWritable();
  call.due = performance.now() + parts.settings.callTimeout_ms;
  resolve(call, parts.catalog);
  call.argumentsText = canonicalText(call.asked.arguments);
  call.findings = parts.inspector.inspectArguments(call.asked.arguments);
  call.decision = admit(questionOf(call, parts.catalog, policy), policy);
  const key = await recorder.keyOf(call);
  call.arguments = recorder.seal(key, call.argumentsText);
  if (call.decision.effect === 'refuse') return refuse(call, parts);
  // Whoever was told to repeat a held call gets that call's outcome, also when the policy would let it pass by now.
  const repeated = parts.holds.repeated(call);
  if (repeated !== undefined) return parts.holds.wait(repeated, call);
  switch (call.decision.effect) {
    case 'hold':
      return parts.holds.hold(call);
    case 'allow':
      await recorder.admitted(call);
      return answer(call, parts, ...(await run(call, key, parts)));
  }
}

/** Everything the decision is made on: what `domain/admit.ts` sees of the call. */
export function questionOf(call: Call, catalog: Catalog, policy: Policy): Question {
  return {
    principal: call.caller.principal,
    client: call.session.client,
    address: call.address,
    session: call.session.id,
    time: call.time,
    method: 'tools/call',
    server: call.server,
    tool: call.toolName,
    labels: call.tool?.labels,
    quarantined: call.tool === undefined && catalog.isQuarantined(call.server, call.toolName),
    arguments: selectArguments(policy.argumentsNeeded(call.server, call.toolName), call.asked.arguments),
    findings: call.findings,
  };
}

/** Numbers that JSON can write and JavaScript cannot hold (1e400) have no canonical form, and must not reach the server as something else. */
function canonicalText(value: JsonObject): string {
  try {
    return canonicalise(value);
  } catch (error) {
    throw new Failure('invalid-params', `the arguments cannot be recorded: ${error instanceof Error ? error.message : 'they have no canonical form'}`);
  }
}

async function refuse(call: Call, parts: Parts): Promise<void> {
  const { decision, exchange, asked: request } = call;
  await parts.recorder.refused(call, reasonOf(decision));
  if (call.tool === undefined) {
    const hint =
      decision.rules[0]!.id === 'tool-not-accepted'
        ? `the tool "${request.name}" waits for its definition to be accepted`
        : `there is no tool "${request.name}"; tools/list shows those there are`;
    throw new Failure('invalid-params', hint, { call: call.id, reason: decision.rules[0]!.id });
  }
  exchange?.answer(refusalReply(request.requestId, call.id, decision, receiptOf(call.id, call.intent!, parts.sink)));
}

function reasonOf(decision: Decision): string {
  return decision.rules[0]!.id;
}

/** From the recorded intent to the recorded end. Rejects with Failure when the end could not be recorded in time. */
export async function run(call: Call, key: DataKey, parts: Parts): Promise<[Outcome, RecordedEvent | undefined]> {
  if (await wasEnded(call, parts)) return [takenForDead, undefined];
  const sent = performance.now();
  const outcome = await outcomeOf(call, parts).catch((error: unknown) => fault(call, parts, error));
  const upstream_ms = Math.round((performance.now() - sent) * 1000) / 1000;
  call.phase = 'ended';
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

async function outcomeOf(call: Call, parts: Parts): Promise<Outcome> {
  // Recording took time; whoever waited may be gone, and a process that was stopped may wake up here much later.
  if (call.cancelled) return { kind: 'aborted', reason: 'cancelled' };
  if (performance.now() >= call.due)
    return { kind: 'unsent', rule: 'upstream-unavailable', reason: 'deadline-passed', message: 'the time for the call was over before it could be sent' };
  const answered = await dispatch(call, parts.catalog.server(call.server), parts.sender, parts.settings.resultBytes, progressTo(call, parts));
  return inspect(answered, parts.inspector);
}

/** Even a fault of ours leaves the call with one end, and with the truth about whether it was sent. */
function fault(call: Call, parts: Parts, error: unknown): Outcome {
  parts.logger.error({ error, call: call.id }, 'a call failed by a fault of the gateway');
  if (call.phase === 'sent') return { kind: 'lost', reason: 'gateway-fault', message: 'the gateway failed after the call was sent; its log says why' };
  return { kind: 'unsent', rule: 'internal-error', reason: 'gateway-fault', message: 'the gateway failed before the call was sent; its log says why' };
}

/** Relays progress of this call under the client's own token. */
function progressTo(call: Call, parts: Parts): ((message: JsonObject) => void) | undefined {
  const { exchange } = call;
  if (exchange === undefined || call.asked.progressToken === undefined) return undefined;
  return (message) => {
    const params = message['params'];
    if (message['method'] !== 'notifications/progress' || !isJsonObject(params)) return;
    // A message of the server goes to the agent unrecorded: one that the detectors object to is left out.
    if ('message' in params && parts.inspector.inspectResult({ message: params['message']! }).findings.length > 0) delete params['message'];
    exchange.notify(notificationText('notifications/progress', params), performance.now());
  };
}

function answer(call: Call, parts: Parts, outcome: Outcome, recorded: RecordedEvent | undefined): void {
  const { exchange, asked: request } = call;
  if (exchange === undefined) return;
  const receipt = recorded === undefined ? undefined : receiptOf(call.id, recorded, parts.sink);
  const text = outcomeReply(request.requestId, call.id, outcome, receipt);
  if (text === undefined) exchange.forget();
  else exchange.answer(text);
}

function answerFailure(call: Call, parts: Parts, error: unknown): void {
  const { exchange, asked: request } = call;
  if (error instanceof Failure) {
    parts.metrics.failures.inc({ rule: error.rule });
    exchange?.answer(failureReply(request.requestId, error));
    return;
  }
  parts.logger.error({ error, call: call.id }, 'a call failed by a fault of the gateway');
  exchange?.answer(failureReply(request.requestId, new Failure('internal-error', 'the gateway failed; its log says why', { call: call.id })));
}
