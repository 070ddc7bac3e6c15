import { canonicalise } from '@customhouse/kernel/canonical';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RecordedEvent } from '@customhouse/event-log/sink';
import type { Policy } from '@customhouse/policy-engine/policy';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import { admit, type Question } from '../domain/admit.js';
import type { Catalog } from '../state/catalog.js';
import type { Call } from './call.js';
import { Failure } from './failure.js';
import type { Outcome } from './outcome.js';
import type { Parts } from './parts.js';
import { failureReply, outcomeReply, receiptOf, refusalReply } from './reply.js';
import { resolve } from './resolve.js';
import { run } from './run.js';

/** The life of one call, from its arrival to its reply. Does not reject. */
export async function govern(call: Call, parts: Parts): Promise<void> {
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
  const kept = recorder.keyOf(call);
  const key = kept instanceof Promise ? await kept : kept;
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
    method: call.method,
    server: call.server,
    tool: call.target,
    labels: call.served?.labels,
    quarantined: call.served === undefined && call.method === 'tools/call' && catalog.isQuarantined(call.server, call.target),
    arguments: selectArguments(policy.argumentsNeeded(call.server, call.target, call.method), call.asked.arguments),
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
  const reason = decision.rules[0]!.id;
  await parts.recorder.refused(call, reason);
  if (call.served === undefined) {
    const hint =
      reason === 'tool-not-accepted'
        ? `the tool "${request.name}" waits for its definition to be accepted`
        : `there is no tool "${request.name}"; tools/list shows those there are`;
    throw new Failure('invalid-params', hint, { call: call.id, reason });
  }
  exchange?.answer(refusalReply(request.requestId, call.id, decision, receiptOf(call.id, call.intent!, parts.sink)));
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
