import type { RecordedEvent } from '@customhouse/event-log/sink';
import { stoppedRule } from '../domain/stopped.js';
import type { Call } from './call.js';
import { Failure } from './failure.js';
import { judge } from './judge.js';
import type { Outcome } from './outcome.js';
import { kindOf } from './params.js';
import type { Parts } from './parts.js';
import { failureReply, outcomeReply, receiptOf, refusalReply } from './answers/reply.js';
import { resolve } from './resolve.js';
import { run } from './run.js';
import { toServer } from './asks/to-server.js';

/** The life of one request of a client, from its arrival to its reply. Does not reject. */
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
  recorder.mustBeWritable();
  call.due = performance.now() + parts.settings.callTimeout_ms;
  resolve(call, parts.catalog);
  const judged = judge(call, parts);
  const key = judged instanceof Promise ? await judged : judged;
  if (call.decision.effect === 'refuse') return refuse(call, parts);
  // Whoever was told to repeat a held call gets that call's outcome, also when the policy would let it pass by now.
  const repeated = parts.holds.repeated(call);
  if (repeated !== undefined) return parts.holds.wait(repeated, call);
  switch (call.decision.effect) {
    case 'hold':
      return parts.holds.hold(call);
    case 'allow':
      await recorder.admitted(call);
      call.client?.begun?.();
      return answer(call, parts, ...(await run(call, key, parts, toServer)));
  }
}

async function refuse(call: Call, parts: Parts): Promise<void> {
  const { decision } = call;
  await parts.recorder.refused(call, decision.rules[0]!.id);
  if (call.served === undefined && decision.rules[0]!.id !== stoppedRule) throw notServed(call, parts);
  call.reply(refusalReply(call, decision, receiptOf(call.id, call.intent!, parts.sink)));
}

/** For the client it is as if it did not exist. */
function notServed(call: Call, { catalog }: Parts): Failure {
  const { name, arguments: rest } = call.asked;
  const reason = call.decision.rules[0]!.id;
  const kind = kindOf(call.method, rest);
  const data = { call: call.id, reason };
  if (reason.endsWith('-not-accepted')) return new Failure('invalid-params', `the ${kind} "${name}" waits for its definition to be accepted`, data);
  if (kind !== 'resource' || call.method === 'completion/complete')
    return new Failure('invalid-params', `there is no ${kind} "${name}"; ${kind === 'resource' ? 'resources/templates' : `${kind}s`}/list shows those there are`, data);
  const choices = catalog.choices(call.session, name);
  if (choices.length > 0) return new Failure('invalid-params', `several servers have the resource "${name}"; ask for one of ${choices.join(', ')}`, { ...data, uri: name });
  return new Failure('resource-not-found', `there is no resource "${name}"; resources/list and resources/templates/list show those there are`, { ...data, uri: name });
}

function answer(call: Call, parts: Parts, outcome: Outcome, recorded: RecordedEvent | undefined): void {
  const receipt = recorded === undefined ? undefined : receiptOf(call.id, recorded, parts.sink);
  call.reply(outcomeReply(call.id, outcome, receipt));
}

function answerFailure(call: Call, parts: Parts, error: unknown): void {
  if (error instanceof Failure) {
    parts.metrics.failures.inc({ rule: error.rule });
    call.reply(failureReply(error));
    return;
  }
  parts.logger.error({ error, call: call.id }, 'a call failed by a fault of the gateway');
  call.reply(failureReply(new Failure('internal-error', 'the gateway failed; its log says why', { call: call.id })));
}
