import { hash } from 'node:crypto';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { timestamp } from '@customhouse/kernel/time';
import { ulidTime } from '@customhouse/kernel/ulid';
import type { EventLog } from '@customhouse/event-log/port';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { RecentMap } from '@customhouse/identity/recent-map';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { Call } from '../call.js';
import type { Caller } from '../caller.js';
import { Failure } from '../failure.js';
import { endOfCall } from '../log-search.js';
import { recordedReply } from '../recorded-outcome.js';
import { SealedTokens } from '../sealed-tokens.js';
import type { ModernClient, TaskRecord } from './modern-client.js';

/** What the id of a task says; short names, because it travels. */
interface TaskId {
  readonly c: string;
  readonly m: GovernedMethod;
  /** Whose it is. */
  readonly w: string;
  /** Where the process that works on it is reached by its peers; empty when it is not. */
  readonly u: string;
  /** Where the intent of the call is in the log; left out where its record is not awaited. */
  readonly l?: readonly [topic: string, partition: number, offset: number];
}

export interface TaskLimits {
  readonly taskTimeout_ms: number;
  /** Readers of the log at once that a client made; more are refused. */
  readonly resumptions: number;
}

export interface TaskTools {
  /** 32 bytes, the same in every replica. */
  readonly key: Uint8Array;
  /** At which other replicas reach this process; undefined when there are none. */
  readonly self: string | undefined;
  readonly limits: TaskLimits;
  readonly log: EventLog;
  readonly sealer: Sealer;
  now(): number;
}

/** Where a task is: with the process that works on it, or, when that has gone, in the log. */
export type FoundTask =
  { readonly at: 'here'; readonly client: ModernClient } | { readonly at: 'peer'; readonly url: string } | { readonly at: 'log'; seen(): Promise<JsonObject> };

/** Ended tasks that are remembered. */
const endedRemembered = 200;
/** How often a client is asked to look. */
const pollIntervalMs = 1_000;
/** Time to look for the end of a call in the log. */
const search_ms = 2_000;

/**
 * Calls that are tasks for their clients (revision 2026-07-28). The id is sealed: any replica finds the process that works on the call by it, and,
 * when that is no more, how the call ended.
 */
export class Tasks {
  /** Under way. */
  readonly #tasks = new Map<string, ModernClient>();
  /** Ended here; others are looked up in the log. */
  readonly #ended = new RecentMap<string, ModernClient>(endedRemembered);
  #searches = 0;
  readonly #tokens: SealedTokens<TaskId>;

  constructor(private readonly tools: TaskTools) {
    this.#tokens = new SealedTokens(tools.key, 'tasks');
  }

  get size(): number {
    return this.#tasks.size;
  }

  begin(call: Call, client: ModernClient): TaskRecord {
    const { limits, now } = this.tools;
    const position = call.intent?.position;
    const taskId = this.#tokens.seal({
      c: call.id,
      m: call.method,
      w: digestOf(call.caller),
      u: this.tools.self ?? '',
      ...(position !== undefined && { l: [position.topic, position.partition, position.offset] as const }),
    });
    this.#tasks.set(call.id, client);
    const ended = (): void => {
      this.#tasks.delete(call.id);
      this.#ended.set(call.id, client);
    };
    return { taskId, created: now(), ttlMs: 2 * limits.taskTimeout_ms, pollIntervalMs, ended };
  }

  /** Throws Failure for an id that is none, or somebody else's. `forwarded`: another replica was told that it is here. */
  find(taskId: unknown, caller: Caller, forwarded: boolean): FoundTask {
    const opened = typeof taskId === 'string' ? this.#tokens.open(taskId) : undefined;
    if (opened === undefined || opened.w !== digestOf(caller)) throw new Failure('invalid-params', 'there is no task of yours with this id');
    const client = this.#tasks.get(opened.c) ?? this.#ended.get(opened.c);
    if (client !== undefined) return { at: 'here', client };
    if (opened.u !== '' && opened.u !== this.tools.self && !forwarded) return { at: 'peer', url: opened.u };
    return { at: 'log', seen: () => this.#seenInLog(String(taskId), opened) };
  }

  /** The process that worked on it has forgotten it, or was another one. */
  async #seenInLog(taskId: string, { c, m, l }: TaskId): Promise<JsonObject> {
    const { log, sealer, limits } = this.tools;
    const gone = new Failure('invalid-params', 'the task is no longer known here');
    if (l === undefined) throw gone;
    const event = await this.#search(() => endOfCall(log, c, { topic: l[0], partition: l[1], offset: l[2] + 1 }, AbortSignal.timeout(search_ms)));
    if (event === 'gone') throw gone;
    const created = timestamp(ulidTime(c));
    const seen = { taskId, createdAt: created, lastUpdatedAt: event?.envelope.time ?? created, ttlMs: 2 * limits.taskTimeout_ms, pollIntervalMs };
    // Its process may have died just now, and the audit ends the call then.
    if (event === undefined) return { ...seen, status: 'working' };
    const reply = await recordedReply({ id: c, method: m }, event, sealer);
    if (reply === undefined) return { ...seen, status: 'cancelled' };
    return 'result' in reply ? { ...seen, status: 'completed', result: { resultType: 'complete', ...reply.result } } : { ...seen, status: 'failed', error: reply.error };
  }

  /** Throws Failure when too many look already. */
  async #search<Found>(look: () => Promise<Found>): Promise<Found> {
    if (this.#searches >= this.tools.limits.resumptions) throw new Failure('too-many-calls', 'too many tasks are being looked up in the log; try again shortly');
    this.#searches += 1;
    try {
      return await look();
    } finally {
      this.#searches -= 1;
    }
  }
}

function digestOf({ who }: Caller): string {
  return hash('sha256', who, 'base64url');
}
