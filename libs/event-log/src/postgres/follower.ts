import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { partitionKey, PositionGone, type FollowedBatch, type FollowOptions, type StoredRecord } from '../port.js';
import { UnknownTopic } from '../topic-table.js';
import type { Announcements } from './announcements.js';
import { fetchRecords, type Fetched } from './reader.js';
import type { TailCache } from './tail-cache.js';

export interface FollowerParts {
  readonly pool: Pool;
  readonly announcements: Announcements;
  readonly tail: TailCache;
  /** Throws UnknownTopic. */
  partitionsOf(topic: string): Promise<number>;
  readonly poll_ms: number;
  readonly onProblem: (problem: string, error: unknown) => void;
}

interface Cursor {
  readonly topic: string;
  readonly partition: number;
  start: number;
}

/** One follower. It looks into the database when another process announced something, and every `poll_ms` in any case. */
export class Follower {
  private readonly cursors: Cursor[] = [];
  private readonly limit: number;
  private readonly idle_ms: number;
  private lastLook = -Infinity;
  private lastYield = performance.now();
  private seenForeign = -1;

  constructor(
    private readonly parts: FollowerParts,
    private readonly options: FollowOptions,
  ) {
    this.limit = options.batch ?? 500;
    this.idle_ms = options.idle_ms ?? 1000;
  }

  async *batches(): AsyncGenerator<FollowedBatch, void> {
    const { signal, topics } = this.options;
    const { announcements } = this.parts;
    announcements.start();
    this.parts.tail.wanted = true;
    await this.findCursors();
    while (!signal.aborted) {
      const mark = announcements.mark(topics);
      const found = (yield* this.fromTail()) || (yield* this.fromDatabase());
      if (found || signal.aborted) continue;
      await announcements.changed(topics, mark, this.untilNextLook(), signal);
      if (this.options.linger_ms !== undefined && announcements.mark(topics) !== mark) await pause(this.options.linger_ms, signal);
    }
  }

  /** What this process appended itself, where it continues without a gap. True when there was something. */
  private *fromTail(): Generator<FollowedBatch, boolean> {
    let found = false;
    for (const cursor of this.cursors) {
      const records = this.parts.tail.from(cursor.topic, cursor.partition, cursor.start, this.limit);
      if (records === undefined || records.length === 0) continue;
      found = true;
      yield this.hand(cursor, records, false);
      if (this.options.signal.aborted) return true;
    }
    return found;
  }

  private async *fromDatabase(): AsyncGenerator<FollowedBatch, boolean> {
    if (this.untilNextLook() > 0 && this.parts.announcements.foreignMark(this.options.topics) === this.seenForeign && this.tailCoversAll()) return false;
    this.seenForeign = this.parts.announcements.foreignMark(this.options.topics);
    const fetched = await this.retried('read', () => fetchRecords(this.parts.pool, this.cursors, this.limit));
    if (fetched === undefined) return false;
    this.lastLook = performance.now();
    const full = fetched.flatMap((part, index) => (part.records.length > 0 ? [{ part, cursor: this.cursors[index]! }] : []));
    this.passHoles(fetched);
    for (const part of fetched) this.parts.tail.reach(part.topic, part.partition, part.end);
    const last = full.at(-1);
    for (const { part, cursor } of full) {
      const complete = part === last?.part && full.every((other) => other.part.records.at(-1)!.position.offset + 1 >= other.part.end);
      yield this.hand(cursor, part.records, complete);
      if (this.options.signal.aborted) return true;
    }
    if (last === undefined && performance.now() - this.lastYield >= this.idle_ms) {
      this.lastYield = performance.now();
      yield { records: [], atEnd: true };
    }
    return last !== undefined;
  }

  private hand(cursor: Cursor, records: readonly StoredRecord[], atEnd: boolean): FollowedBatch {
    cursor.start = records.at(-1)!.position.offset + 1;
    this.lastYield = performance.now();
    return { records, atEnd };
  }

  /** Compaction may have removed the last records of a partition: nothing lies between the cursor and the end then. */
  private passHoles(fetched: readonly Fetched[]): void {
    fetched.forEach((part, index) => {
      if (part.records.length === 0) this.cursors[index]!.start = part.end;
    });
  }

  private untilNextLook(): number {
    return Math.max(0, Math.min(this.lastLook + this.parts.poll_ms, this.lastYield + this.idle_ms) - performance.now());
  }

  /** Whether the memory of this process reaches every cursor; otherwise an own announcement needs a look as well. */
  private tailCoversAll(): boolean {
    return this.cursors.every((cursor) => this.parts.tail.from(cursor.topic, cursor.partition, cursor.start, 1) !== undefined);
  }

  private async findCursors(): Promise<void> {
    for (const topic of this.options.topics) {
      const partitions = (await this.retried('describe', () => this.parts.partitionsOf(topic))) ?? 0;
      for (let partition = 0; partition < partitions; partition += 1) {
        this.cursors.push({ topic, partition, start: this.options.from.get(partitionKey(topic, partition)) ?? 0 });
      }
    }
  }

  /** Tries until it works or the signal aborts (undefined then). What no time can heal is thrown. */
  private async retried<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
    let wait_ms = 50;
    while (!this.options.signal.aborted) {
      try {
        return await action();
      } catch (error) {
        if (error instanceof PositionGone || error instanceof UnknownTopic) throw error;
        if (this.options.signal.aborted) return undefined;
        this.parts.onProblem(`cannot ${what} ${this.options.topics.join(', ')} in the database; trying again`, error);
      }
      await pause(wait_ms * (0.5 + Math.random()), this.options.signal);
      wait_ms = Math.min(wait_ms * 2, 2000);
    }
    return undefined;
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
