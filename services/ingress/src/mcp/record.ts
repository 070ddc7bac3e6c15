import {
  callAborted,
  callAdmitted,
  callCompleted,
  callDenied,
  callDispatched,
  callFailed,
  callHeld,
  callOutcomeCollected,
  callOutcomeLost,
  callRefused,
  callWithdrawn,
} from '@customhouse/events/call/events';
import { LogIndeterminate, LogRefused, type EventSink, type NewEvent, type RecordedEvent } from '@customhouse/event-log/sink';
import { nothingBefore, unknownRequest } from '@customhouse/policy-engine/recorded-input';
import { timestamp } from '@customhouse/kernel/time';
import { newUlid } from '@customhouse/sealing/random';
import type { DataKey, Sealer } from '@customhouse/sealing/sealer';
import type { Sealed } from '@customhouse/events/envelope';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import type { Kept } from '@customhouse/event-log/event-writer';
import type { Call, Intent } from './call.js';
import type { Caller } from './caller.js';
import { Failure } from './failure.js';
import type { Outcome } from './outcome.js';
import type { UnfinishedBusiness } from './unfinished-business.js';

export interface RecordLimits {
  readonly recordTimeout_ms: number;
  readonly callTimeout_ms: number;
  /** Whether tools that only read are recorded without waiting. */
  readonly relaxed: boolean;
  readonly relaxedRecords: number;
}

/** The writer of this process, with a place for what has already happened while the log is away. */
export interface OutcomeSink extends EventSink {
  appendOrSpool<D extends EventDeclaration>(event: NewEvent<D>, options?: { readonly timeout_ms?: number }): Promise<Kept>;
}

/** Writes what happens to calls. Nothing leaves the process, in either direction, before the promise of its record has resolved. */
export class Recorder {
  #unawaited = 0;
  readonly #subjects = new WeakMap<Caller, string>();

  constructor(
    private readonly sink: OutcomeSink,
    private readonly sealer: Sealer,
    private readonly unfinished: UnfinishedBusiness,
    private readonly limits: RecordLimits,
  ) {}

  /** The data key of the person behind a call; at once where there is one. Rejects with Failure when a new one cannot be recorded. */
  keyOf(call: Call): DataKey | Promise<DataKey> {
    const { caller } = call;
    let subject = this.#subjects.get(caller);
    if (subject === undefined) this.#subjects.set(caller, (subject = this.sealer.subjectOf(caller.principal.tenant, caller.principal.person)));
    const key = this.sealer.keyFor(subject);
    return key instanceof Promise
      ? key.catch((error: unknown) => {
          throw unrecorded(call, error);
        })
      : key;
  }

  seal(key: DataKey, text: string): Sealed {
    return this.sealer.seal(key, text);
  }

  /** Throws Failure while the log refuses or too much is waiting to be recorded: before any work is done. */
  mustBeWritable(): void {
    if (!this.sink.writable || this.unfinished.full) throw new Failure('log-unavailable', 'calls cannot be recorded at the moment, so none is made; try again shortly');
  }

  /** Rejects with Failure; the call must not be sent then. */
  async admitted(call: Call): Promise<void> {
    const deadline = timestamp(call.time + this.limits.callTimeout_ms);
    call.relaxed = this.limits.relaxed && this.#unawaited < this.limits.relaxedRecords && call.served!.labels.includes('read-only');
    const event = this.#event(call, callAdmitted, intentOf<typeof callAdmitted>(call, call.relaxed ? 'relaxed' : 'strict', { deadline }), call.time);
    if (call.relaxed) this.#unwaited(event);
    else call.intent = await this.#intent(call, event);
  }

  /** Rejects with Failure. */
  async refused(call: Call, reason: string): Promise<void> {
    call.intent = await this.#intent(call, this.#event(call, callRefused, intentOf<typeof callRefused>(call, 'strict', { reason }), call.time));
  }

  /** Rejects with Failure. */
  async held(call: Call, approval: EventData<typeof callHeld>['approval']): Promise<void> {
    call.intent = await this.#intent(call, this.#event(call, callHeld, intentOf<typeof callHeld>(call, 'strict', { approval }), call.time));
  }

  /** Resolves when it is durable that the held call is being sent. Rejects with LogRefused or LogIndeterminate; after the latter the call has been given up. */
  async dispatched(call: Call, data: EventData<typeof callDispatched>): Promise<RecordedEvent> {
    try {
      return await this.sink.append(this.#event(call, callDispatched, data), { timeout_ms: this.limits.recordTimeout_ms });
    } catch (error) {
      if (!(error instanceof LogRefused)) this.abandon(call, 'record-indeterminate');
      throw error;
    }
  }

  /** Resolves when it is durable that the held call is not sent. Rejects with Failure; it is then recorded later. */
  async denied(call: Call, data: EventData<typeof callDenied>): Promise<RecordedEvent> {
    const event = this.#event(call, callDenied, data);
    try {
      return await this.sink.append(event, { timeout_ms: this.limits.recordTimeout_ms });
    } catch (error) {
      this.unfinished.add(event);
      throw unrecorded(call, error);
    }
  }

  /** The client has the outcome of a held call: the next identical call is a new one, in every replica. */
  collected(call: string, session: string, approval: string): void {
    this.#noted(callOutcomeCollected, call, session, approval);
  }

  /** The client of a held call gave it up: the approval service says whether that comes in time. */
  withdrawn(call: string, session: string, approval: string): void {
    this.#noted(callWithdrawn, call, session, approval);
  }

  /** The call was not sent and never will be: the log is told so, as soon as it can be. */
  abandon(call: Call, reason: string): void {
    this.unfinished.add(this.#event(call, callAborted, { call: call.id, reason }));
  }

  /** Resolves when the end of the call is durable: with its record, or undefined while it waits on disk for the log. Rejects with Failure when that takes too long; it is then recorded later, and the result must not be shown now. */
  async ended(call: Call, outcome: Outcome, key: DataKey, upstream_ms: number): Promise<RecordedEvent | undefined> {
    const event = this.#endEvent(call, outcome, key, upstream_ms);
    if (call.relaxed) {
      this.#unwaited(event);
      return undefined;
    }
    try {
      const kept = await this.sink.appendOrSpool(event, { timeout_ms: this.limits.recordTimeout_ms });
      return kept.where === 'log' ? kept.recorded : undefined;
    } catch (error) {
      this.unfinished.add(event);
      const made = outcome.kind === 'unsent' || outcome.kind === 'aborted' ? 'was not made' : 'was made';
      throw new Failure('log-unavailable', `the call ${made}, but its outcome could not be recorded in time, so it is not shown`, { call: call.id, cause: nameOf(error) });
    }
  }

  #endEvent(call: Call, outcome: Outcome, key: DataKey, upstream_ms: number): NewEvent {
    const data = { call: call.id };
    switch (outcome.kind) {
      case 'completed':
        return this.#event(call, callCompleted, {
          ...data,
          cached: outcome.cached,
          error: outcome.result['isError'] === true,
          findings: outcome.findings as EventData<typeof callCompleted>['findings'],
          result: this.sealer.seal(key, outcome.text),
          upstream_ms,
        });
      case 'error':
        return this.#event(call, callFailed, {
          ...data,
          reason: outcome.reason ?? 'upstream-error',
          // What the server wrote is in the sealed part only: it may be anything.
          message: outcome.reason === undefined ? `the server answered with the error ${outcome.error.code}` : outcome.error.message,
          result: this.sealer.seal(key, outcome.text),
          upstream_ms,
        });
      case 'unsent':
        return this.#event(call, callFailed, { ...data, reason: outcome.reason, message: outcome.message, result: null, upstream_ms });
      case 'aborted':
        return this.#event(call, callAborted, { ...data, reason: outcome.reason });
      case 'lost':
        return this.#event(call, callOutcomeLost, { ...data, reason: outcome.reason });
    }
  }

  /** `time`: of an intent, when its decision was made, which is what makes it possible to make it again. */
  #event<D extends NewEvent['declaration']>(call: Call, declaration: D, data: EventData<D>, time?: number): NewEvent<D> {
    return { declaration, subject: `call-${call.id}`, key: call.session.id, data, traceparent: call.asked.traceparent, id: newUlid(), time };
  }

  async #intent(call: Call, event: NewEvent): Promise<RecordedEvent> {
    try {
      return await this.sink.append(event, { timeout_ms: this.limits.recordTimeout_ms });
    } catch (error) {
      // Perhaps it is in the log. It was not sent and never will be, and the log is told so.
      if (error instanceof LogIndeterminate && event.declaration !== callRefused)
        this.unfinished.add(this.#event(call, callAborted, { call: call.id, reason: 'record-indeterminate' }));
      throw unrecorded(call, error);
    }
  }

  #noted(declaration: typeof callOutcomeCollected | typeof callWithdrawn, call: string, session: string, approval: string): void {
    const event: NewEvent = { declaration, subject: `call-${call}`, key: session, data: { call, approval }, id: newUlid() };
    this.sink.append(event, { timeout_ms: this.limits.recordTimeout_ms }).catch(() => this.unfinished.add(event));
  }

  #unwaited(event: NewEvent): void {
    this.#unawaited += 1;
    this.sink
      .append(event, { timeout_ms: this.limits.recordTimeout_ms })
      .catch(() => this.unfinished.add(event))
      .finally(() => (this.#unawaited -= 1));
  }
}

/** What distinguishes the three intents. */
interface Distinction {
  readonly approval?: EventData<typeof callHeld>['approval'];
  readonly deadline?: string;
  readonly reason?: string;
}

/** Members in canonical order, so that writing the event need not sort them; those that are undefined are not written. */
function intentOf<D extends typeof callAdmitted | typeof callRefused | typeof callHeld>(call: Call, record: Intent['record'], distinction: Distinction): EventData<D> {
  const { decidedOn: input } = call;
  return {
    annotations: input?.annotations ?? undefined,
    approval: distinction.approval,
    arguments: call.arguments,
    call: call.id,
    client: call.session.client,
    deadline: distinction.deadline,
    decision: call.decision,
    definition: call.served?.definition ?? null,
    destinations: input === undefined || input.destinations.length === 0 ? undefined : input.destinations,
    during: call.during,
    exposed: call.masked ?? call.asked.name,
    extra: call.extra,
    findings: call.findings as Intent['findings'],
    generation: call.served?.generation ?? 0,
    labels: (call.served?.labels ?? null) as Intent['labels'],
    method: call.method,
    network: call.network.forwarded.length === 0 ? { address: call.network.address } : { address: call.network.address, forwarded: [...call.network.forwarded] },
    principal: call.caller.principal,
    reason: distinction.reason,
    record,
    request: input === undefined || input.request === unknownRequest ? undefined : input.request,
    server: call.server,
    session: call.session.id,
    session_state: input === undefined || input.session_state === nothingBefore ? undefined : input.session_state,
    tool: call.masked ?? call.target,
    used: input === undefined || Object.keys(input.used).length === 0 ? undefined : input.used,
  } as EventData<D>;
}

function unrecorded(call: Call, error: unknown): Failure {
  return new Failure('log-unavailable', 'the call was not made, because it could not be recorded; try again shortly', { call: call.id, cause: nameOf(error) });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
