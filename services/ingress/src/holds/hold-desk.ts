import type { Logger } from 'pino';
import { bindingText } from '@customhouse/events/call/binding';
import type { EventLog, Position } from '@customhouse/event-log/port';
import type { EventSink } from '@customhouse/event-log/sink';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { timestamp } from '@customhouse/kernel/time';
import { newUlid, randomFromPool } from '@customhouse/sealing/random';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { ActiveCalls } from '../mcp/active-calls.js';
import type { Call } from '../mcp/call.js';
import { Failure } from '../mcp/failure.js';
import type { Recorder } from '../mcp/record.js';
import { Hold, type ApprovalState, type Ending, type Waiter } from './hold.js';
import { endVisits, isConfirmable, sendToPage, type Said } from './confirmation.js';
import { readHeld, type StoredHold } from './stored-hold.js';
import { samenessOf } from './sameness.js';
import { answerPending, keepWaiting, linkTo, taskTermsOf, turnAway, type WaitingOptions } from './waiters.js';

/** What is done with a hold that this process was named for, or whose end is in the log. */
export interface Finisher {
  /**
   * Dispatches or denies it. `again`: nothing is recorded, so it may be begun anew. `elsewhere`: another process decides, and the
   * approval service will say how it ended.
   */
  finish(hold: Hold, state: ApprovalState): Promise<Ending | 'again' | 'elsewhere'>;
  /** Reads how it ended. */
  readEnding(hold: Hold, outcome: Position): Promise<Ending>;
}

interface Tools {
  readonly sink: EventSink;
  readonly log: EventLog;
  readonly sealer: Sealer;
  readonly recorder: Recorder;
  readonly active: ActiveCalls;
  readonly logger: Logger;
}

const retry_ms = 500;

/**
 * Held calls: who waits for them, what the approval service says about them (`customhouse.state.approvals`), and that this process
 * ends those it is named for. What is here can be read again from the log at any time; losing it loses nothing.
 */
export class HoldDesk {
  finisher!: Finisher;
  readonly #holds = new Map<string, Hold>();
  readonly #bySameness = new Map<string, Hold>();
  /** Holds that are being recorded, so that two identical calls at once make one. */
  readonly #opening = new Map<string, Promise<Hold>>();
  /** The latest state of approvals whose held event is still being read. */
  readonly #reading = new Map<string, ApprovalState>();
  #closed = false;

  constructor(
    private readonly tools: Tools,
    private readonly options: WaitingOptions,
  ) {}

  /** False while held events are being read: an identical call would be taken for a new one. */
  get ready(): boolean {
    return this.#reading.size === 0;
  }

  get size(): number {
    return this.#holds.size;
  }

  get waiting(): number {
    let count = 0;
    for (const hold of this.#holds.values()) count += hold.waiters.size;
    return count;
  }

  /** The hold that this call goes on with: the one that its client came back for, or one that it repeats and whose outcome nobody has been given yet. */
  repeated(call: Call): Hold | undefined {
    if (this.#bySameness.size === 0 && call.resumed === undefined) return undefined;
    const sameness = this.#samenessOf(call);
    const resumed = call.resumed && this.#holds.get(call.resumed.approval);
    if (resumed?.sameness === sameness) return resumed;
    const hold = this.#bySameness.get(sameness);
    return hold === undefined || hold.collected ? undefined : hold;
  }

  /** A client comes back from the page of an approval. False for a round that was used, or is not known here any more. */
  takeUp(approval: string, round: string): boolean {
    return this.#holds.get(approval)?.rounds.delete(round) === true;
  }

  /** Holds a call and keeps its client waiting. Resolves when that wait is over, one way or another. Rejects with Failure when the hold cannot be recorded. */
  async hold(call: Call): Promise<void> {
    const sameness = this.#samenessOf(call);
    let opening = this.#opening.get(sameness);
    if (opening === undefined) {
      opening = this.#open(call, sameness).finally(() => this.#opening.delete(sameness));
      this.#opening.set(sameness, opening);
    }
    await this.wait(await opening, call);
  }

  /** Lets the client of a call wait for a hold: by a task where it knows those. Resolves when it has an answer or has gone. */
  wait(hold: Hold, call: Call): Promise<void> {
    const { exchange, asked, session, client } = call;
    if (exchange === undefined) return Promise.resolve();
    if (call.cancelled) {
      exchange.forget();
      return Promise.resolve();
    }
    const { active } = this.tools;
    return new Promise((resolve) => {
      const leave = () => {
        if (!hold.waiters.delete(waiter)) return;
        active.unregister(session.id, asked.requestId, cancellable);
        active.wake();
        resolve();
      };
      const cancellable = {
        cancel: () => {
          exchange.forget();
          leave();
        },
      };
      const asTask = client?.becomeTask?.(taskTermsOf(hold, this.options, () => this.#abandon(hold, waiter))) === true;
      const now = performance.now();
      const limit = asked.progressToken === undefined ? this.options.hold_ms : this.options.holdWithProgress_ms;
      const until = asTask ? Infinity : now + Math.min(limit, asked.wait_ms ?? limit);
      const waiter: Waiter = { call, exchange, asTask, until, steps: 0, sent: call.resumed?.said !== undefined, done: leave };
      hold.waiters.add(waiter);
      active.rest();
      if (!asTask) {
        active.register(session.id, asked.requestId, cancellable);
        exchange.stream();
        exchange.watch({ clientGone: leave });
      }
      if (this.#closed) return turnAway(hold, waiter, this.options);
      this.#act(hold);
      if (call.resumed?.said === 'decline') this.#decline(hold, waiter);
    });
  }

  /** The outcome of this call was given to a client by way of the log. */
  collectedFromLog(call: string): void {
    for (const hold of this.#holds.values()) if (hold.call === call && hold.state !== undefined && hold.state.outcome !== null) this.#collected(hold);
  }

  /** A record of `customhouse.state.approvals`. */
  apply({ key, event }: StateChange): void {
    if (event === undefined) return this.#forget(key);
    if (event.foreign !== undefined)
      return this.tools.logger.error({ approval: key, version: event.version }, 'an approval was published in a version that is not known here; it is left to others');
    const state = event.data as ApprovalState;
    const hold = this.#holds.get(key);
    if (hold !== undefined) {
      hold.state = state;
      return this.#act(hold);
    }
    const reading = this.#reading.has(key);
    this.#reading.set(key, state);
    if (!reading) void this.#read(key, state.held);
  }

  /** To be called about once a second. */
  tick(now: number): void {
    for (const hold of this.#holds.values()) {
      if (hold.waiters.size === 0) continue;
      for (const waiter of hold.waiters) keepWaiting(hold, waiter, now, this.options);
    }
  }

  /** Everybody who waits is told to come back: another process, or this one after its restart, goes on with the same hold. */
  close(): void {
    this.#closed = true;
    for (const hold of this.#holds.values()) {
      endVisits(hold);
      for (const waiter of hold.waiters) turnAway(hold, waiter, this.options);
    }
  }

  /** A client gave up its task. When nobody else waits for it, the call is withdrawn, or cancelled when it runs. */
  #abandon(hold: Hold, waiter: Waiter): void {
    if (!hold.waiters.has(waiter)) return;
    const last = hold.waiters.size === 1;
    if (last && hold.running !== undefined) return hold.running.cancel();
    waiter.done();
    waiter.call.reply(undefined);
    if (last && !hold.begun && hold.state?.outcome == null) this.#withdraw(hold);
  }

  /** An identical call is a new one from now on. */
  #withdraw(hold: Hold): void {
    this.tools.recorder.withdrawn(hold.call, hold.session, hold.approval);
    if (this.#bySameness.get(hold.sameness) === hold) this.#bySameness.delete(hold.sameness);
  }

  /** Gives up a call of which only the log knows that it is a task. False when it is not held any more. */
  withdraw(call: string): boolean {
    for (const hold of this.#holds.values()) {
      if (hold.call !== call || hold.begun || hold.state?.outcome != null) continue;
      if (hold.waiters.size === 0) this.#withdraw(hold);
      return true;
    }
    return false;
  }

  #samenessOf(call: Call): string {
    return samenessOf({ principal: call.caller.principal, method: call.method, server: call.server, tool: call.target, arguments: call.arguments });
  }

  async #open(call: Call, sameness: string): Promise<Hold> {
    const { quorum, expires_s } = call.decision.obligations.approve!;
    const unbound = { id: newUlid(), nonce: randomFromPool(16).toString('base64url'), expires: timestamp(call.time + expires_s * 1000), quorum };
    const bound = {
      call: call.id,
      principal: call.caller.principal,
      method: call.method,
      server: call.server,
      generation: call.served!.generation,
      tool: call.target,
      definition: call.served!.definition,
      arguments: call.arguments,
      decision: call.decision,
      approval: unbound,
    };
    const approval = { ...unbound, binding: this.tools.sealer.digest(bindingText(bound)) };
    await this.tools.recorder.held(call, approval);
    const hold = new Hold(approval.id, call.intent!.position, call.id, call.method, call.session.id, sameness, approval.expires, call.decision);
    this.#keep(hold, this.#reading.get(hold.approval));
    return hold;
  }

  #keep(hold: Hold, state: ApprovalState | undefined): void {
    this.#reading.delete(hold.approval);
    const known = this.#holds.get(hold.approval);
    if (known !== undefined) return;
    hold.state = state;
    this.#holds.set(hold.approval, hold);
    this.#bySameness.set(hold.sameness, hold);
    this.#act(hold);
  }

  #forget(approval: string): void {
    this.#reading.delete(approval);
    const hold = this.#holds.get(approval);
    if (hold === undefined) return;
    this.#holds.delete(approval);
    endVisits(hold);
    if (this.#bySameness.get(hold.sameness) === hold) this.#bySameness.delete(hold.sameness);
  }

  /** Learns about a hold that another process recorded, or this one before its restart. */
  async #read(approval: string, position: Position): Promise<void> {
    while (!this.#closed && this.#reading.has(approval)) {
      let stored: StoredHold | undefined;
      try {
        stored = await readHeld(this.tools.log, position);
      } catch (error) {
        this.tools.logger.warn({ error, approval }, 'a held call cannot be read from the log yet; trying again');
        await pause();
        continue;
      }
      const state = this.#reading.get(approval);
      if (stored === undefined) {
        this.#reading.delete(approval);
        this.tools.logger.error({ approval, position }, 'the approval names a position that holds no held call; it is left to others');
      } else if (state !== undefined) {
        const { data } = stored;
        this.#keep(new Hold(approval, position, data.call, data.method as GovernedMethod, data.session, samenessOf(data), data.approval.expires, data.decision), state);
      }
    }
  }

  /** Does what is due, given what is known. Safe to call at any time. */
  #act(hold: Hold): void {
    const { state } = hold;
    if (hold.ending !== undefined || (state !== undefined && state.status !== 'open')) endVisits(hold);
    if (hold.ending !== undefined) return this.#deliver(hold, hold.ending);
    if (state === undefined || this.#closed) return;
    if (state.outcome !== null) {
      // Nobody may ever ask; it is read when somebody does.
      if (hold.waiters.size > 0) void this.#readEnding(hold, state.outcome);
      return;
    }
    if (isConfirmable(hold)) this.#sendToPage(hold);
    if (!hold.begun && this.#isOurs(state)) void this.#finish(hold, state);
  }

  /** Those who asked decide themselves: their clients send them to the page, if they can. A client with a task reads of the page in that. */
  #sendToPage(hold: Hold): void {
    const link = linkTo(hold, this.options);
    if (link === undefined) return;
    for (const waiter of hold.waiters) {
      if (waiter.sent || waiter.asTask) continue;
      const onSaid = (said: Said): void => {
        if (said === 'decline') this.#decline(hold, waiter);
      };
      if (sendToPage(hold, waiter, link, onSaid) === 'left') waiter.done();
    }
  }

  /** The user does not want the call: it is withdrawn, unless an identical one waits. What a client says can only ever end a call. */
  #decline(hold: Hold, waiter: Waiter): void {
    if (!isConfirmable(hold)) return;
    const waits = hold.waiters.has(waiter);
    if (hold.waiters.size > (waits ? 1 : 0)) {
      if (waits) answerPending(hold, waiter, this.options);
    } else this.#withdraw(hold);
  }

  #isOurs(state: ApprovalState): boolean {
    const { dispatcher, status } = state;
    if (dispatcher === null || status === 'open' || status === 'granted' || status === 'closed') return false;
    return dispatcher.instance === this.tools.sink.instance && dispatcher.epoch === this.tools.sink.epoch;
  }

  async #finish(hold: Hold, state: ApprovalState): Promise<void> {
    hold.begun = true;
    try {
      const ending = await this.finisher.finish(hold, state);
      if (ending === 'elsewhere') return;
      if (ending !== 'again') {
        hold.ending = ending;
        return this.#deliver(hold, ending);
      }
      await pause();
      hold.begun = false;
      if (this.#holds.has(hold.approval)) this.#act(hold);
    } catch (error) {
      // A record that came too late is written later, and the approval service then says where it is.
      if (error instanceof Failure) return this.tools.logger.warn({ error, approval: hold.approval, call: hold.call }, 'the end of a held call is recorded later');
      this.tools.logger.error({ error, approval: hold.approval, call: hold.call }, 'a held call could not be ended by a fault of the gateway');
    }
  }

  async #readEnding(hold: Hold, outcome: Position): Promise<void> {
    while (!this.#closed && hold.waiters.size > 0 && hold.ending === undefined) {
      try {
        hold.ending = await this.finisher.readEnding(hold, outcome);
      } catch (error) {
        this.tools.logger.warn({ error, approval: hold.approval }, 'the outcome of a held call cannot be read from the log yet; trying again');
        await pause();
      }
    }
    if (hold.ending !== undefined) this.#deliver(hold, hold.ending);
  }

  #deliver(hold: Hold, ending: Ending): void {
    for (const waiter of hold.waiters) {
      const { call, exchange } = waiter;
      call.reply(ending.reply);
      const collected = (): void => this.#collected(hold);
      if (call.client === undefined) exchange.onDelivered(collected);
      else call.client.onAnswered(collected);
      waiter.done();
    }
  }

  #collected(hold: Hold): void {
    if (hold.collected) return;
    hold.collected = true;
    this.tools.recorder.collected(hold.call, hold.session, hold.approval);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, retry_ms).unref());
}
