import { hash } from 'node:crypto';
import type { EventLog } from '@customhouse/event-log/port';
import { ulidTime } from '@customhouse/kernel/ulid';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { newUlid } from '@customhouse/sealing/random';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { Caller } from '../caller.js';
import { Failure } from '../failure.js';
import { endOfCall } from '../log-search.js';
import { recordedReply } from '../answers/recorded-outcome.js';
import { SealedTokens } from '../sessions/sealed-tokens.js';
import { stateOf, Task, type TaskOwner, type TaskTerms, type TaskView } from './task.js';
import { legacyTask } from './words.js';

/** What the id of a task says; short names, because it travels. */
interface TaskId {
  /** ULID of the task itself: one call may be several tasks, when it was held and asked for again. */
  readonly i: string;
  readonly c: string;
  readonly m: GovernedMethod;
  /** Whose it is. */
  readonly w: string;
  /** Where the process that works on it is reached by its peers; empty when it is not. */
  readonly u: string;
  /** How long it is kept, and how often it is looked at, in milliseconds. */
  readonly t: number;
  readonly p: number;
  /** Where the intent of the call is in the log; left out where its record is not awaited. */
  readonly l?: readonly [topic: string, partition: number, offset: number];
}

export interface TaskTools {
  /** 32 bytes, the same in every replica. */
  readonly key: Uint8Array;
  /** At which other replicas reach this process; undefined when there are none. */
  readonly self: string | undefined;
  /** `resumptions`: readers of the log at once that a client made; more are refused. `pageSize`: tasks in one page of a list. */
  readonly limits: { readonly resumptions: number; readonly pageSize: number };
  readonly log: EventLog;
  readonly sealer: Sealer;
  now(): number;
}

/** Where a task is: with the process that works on it, or, when that has gone, in the log. */
export type FoundTask =
  | { readonly at: 'here'; readonly task: Task }
  | { readonly at: 'peer'; readonly url: string }
  /** Waits for the end of its call until the signal comes, by default for a moment only. */
  | { readonly at: 'log'; readonly call: string; view(signal?: AbortSignal): Promise<TaskView> };

interface Known {
  readonly task: Task;
  /** Digest of whose it is. */
  readonly whose: string;
}

/** Ended tasks that are remembered. */
const endedRemembered = 200;
/** Time to look for the end of a call in the log. */
const search_ms = 2_000;

/**
 * Calls that are tasks for their clients. The id is sealed: any replica finds the process that works on the call by it, and, when that is no more,
 * how the call ended.
 */
export class Tasks {
  /** Under way, in the order they began. */
  readonly #tasks = new Map<string, Known>();
  /** Ended here, in the order they ended; others are looked up in the log. */
  readonly #ended = new Map<string, Known>();
  #searches = 0;
  readonly #tokens: SealedTokens<TaskId>;

  constructor(private readonly tools: TaskTools) {
    this.#tokens = new SealedTokens(tools.key, 'tasks');
  }

  get size(): number {
    return this.#tasks.size;
  }

  begin(caller: Caller, owner: TaskOwner, terms: TaskTerms): Task {
    const { now, self } = this.tools;
    const { position, call: c, method: m, ttl_ms: t, poll_ms: p } = terms;
    const i = newUlid(now());
    const l = position && ([position.topic, position.partition, position.offset] as const);
    const whose = digestOf(caller);
    const taskId = this.#tokens.seal({ i, c, m, w: whose, u: self ?? '', t, p, ...(l !== undefined && { l }) });
    const task = new Task(taskId, terms, owner, now, () => this.#onEnded(i));
    this.#tasks.set(i, { task, whose });
    return task;
  }

  /** Throws Failure for an id that is none, or somebody else's. `forwarded`: another replica was told that it is here. */
  find(taskId: unknown, caller: Caller, forwarded: boolean): FoundTask {
    const opened = typeof taskId === 'string' ? this.#tokens.open(taskId) : undefined;
    if (opened === undefined || opened.w !== digestOf(caller)) throw new Failure('invalid-params', 'there is no task of yours with this id');
    const known = this.#tasks.get(opened.i) ?? this.#ended.get(opened.i);
    if (known !== undefined) return { at: 'here', task: known.task };
    if (opened.u !== '' && opened.u !== this.tools.self && !forwarded) return { at: 'peer', url: opened.u };
    return { at: 'log', call: opened.c, view: (signal) => this.#viewInLog(String(taskId), opened, signal ?? AbortSignal.timeout(search_ms)) };
  }

  /** A page of the tasks of a caller that this process knows, oldest first, as the result of `tasks/list`. Throws Failure for a cursor that is none. */
  list(caller: Caller, cursor: unknown): JsonObject {
    const after = cursor === undefined ? '' : placeIn(cursor);
    const own = digestOf(caller);
    const known = [...this.#ended, ...this.#tasks].filter(([id, { whose }]) => whose === own && id > after);
    return this.#page(
      known.map(([id, { task }]) => [id, legacyTask(task.view())]),
      false,
    );
  }

  /** One page of those that several replicas made after the same cursor. */
  merge(pages: readonly JsonObject[]): JsonObject {
    const tasks = new Map<string, JsonObject>();
    for (const { tasks: listed } of pages)
      for (const task of Array.isArray(listed) ? listed.filter(isJsonObject) : []) {
        const opened = this.#tokens.open(String(task['taskId']));
        if (opened !== undefined) tasks.set(opened.i, task);
      }
    return this.#page(
      [...tasks],
      pages.some(({ nextCursor }) => nextCursor !== undefined),
    );
  }

  #page(tasks: (readonly [id: string, task: JsonObject])[], more: boolean): JsonObject {
    const sorted = tasks.sort(([a], [b]) => (a < b ? -1 : 1));
    const page = sorted.slice(0, this.tools.limits.pageSize);
    const last = page.at(-1);
    const nextCursor = last !== undefined && (more || sorted.length > page.length) ? cursorAt(last[0]) : undefined;
    return { tasks: page.map(([, task]) => task), ...(nextCursor !== undefined && { nextCursor }) };
  }

  /** This process stops. */
  close(): void {
    for (const { task } of this.#tasks.values()) task.desert();
  }

  #onEnded(id: string): void {
    this.#ended.set(id, this.#tasks.get(id)!);
    this.#tasks.delete(id);
    if (this.#ended.size > endedRemembered) this.#ended.delete(this.#ended.keys().next().value!);
  }

  /** The process that worked on it has forgotten it, or was another one. */
  async #viewInLog(taskId: string, { c, m, t, p, l }: TaskId, signal: AbortSignal): Promise<TaskView> {
    const { log, sealer } = this.tools;
    const gone = new Failure('invalid-params', 'the task is no longer known here');
    if (l === undefined) throw gone;
    const event = await this.#search(() => endOfCall(log, c, { topic: l[0], partition: l[1], offset: l[2] + 1 }, signal));
    if (event === 'gone') throw gone;
    const created = ulidTime(c);
    const seen = { taskId, created, updated: event === undefined ? created : Date.parse(event.envelope.time), ttl_ms: t, poll_ms: p, message: undefined };
    // Its process may have died just now, and the audit ends the call then; or people have not decided yet.
    return { ...seen, state: event === undefined ? { status: 'working' } : stateOf(await recordedReply({ id: c, method: m }, event, sealer)) };
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

function cursorAt(id: string): string {
  return Buffer.from(`1t${id}`, 'utf8').toString('base64url');
}

function placeIn(cursor: unknown): string {
  const text = typeof cursor === 'string' && cursor.length < 100 ? Buffer.from(cursor, 'base64url').toString('utf8') : '';
  if (!text.startsWith('1t')) throw new Failure('invalid-params', 'the cursor is not one that the list of tasks gave');
  return text.slice(2);
}
