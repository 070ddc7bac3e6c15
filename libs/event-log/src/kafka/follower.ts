import { setTimeout as sleep } from 'node:timers/promises';
import { partitionKey, PositionGone, type FollowedBatch, type FollowOptions, type StoredRecord } from '../port.js';
import { OffsetOutOfRange, type Cursor, type Delivery, type KafkaDriver } from './driver.js';

export interface FollowerParts {
  readonly driver: KafkaDriver;
  isCompacted(topic: string): boolean;
  readonly onProblem: (problem: string, error: unknown) => void;
}

/**
 * Follows partitions through a driver that may fail at any time: it is started again where the last delivery ended. What a
 * partition gives must begin at the offset that was asked for; a client that jumps is stopped, never believed.
 */
export class KafkaFollower {
  /** The furthest end seen of each partition. A new leader may know less for a moment. */
  private readonly ends = new Map<string, number>();
  private readonly idle_ms: number;
  private lastYield = performance.now();

  constructor(
    private readonly parts: FollowerParts,
    private readonly cursors: readonly Cursor[],
    private readonly options: FollowOptions,
  ) {
    this.idle_ms = options.idle_ms ?? 1000;
  }

  async *batches(): AsyncGenerator<FollowedBatch, void> {
    const { signal } = this.options;
    let wait_ms = 100;
    while (!signal.aborted) {
      try {
        if (this.ends.size === 0) await this.learnEnds();
        for await (const deliveries of this.parts.driver.read(this.cursors, { signal, wait_ms: Math.max(1, Math.min(this.idle_ms, 1000)) })) {
          wait_ms = 100;
          yield* this.handOut(deliveries);
          if (signal.aborted) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        await this.giveUpWhenGone(error);
        this.parts.onProblem(`cannot read ${this.options.topics.join(', ')} from Kafka; trying again`, error);
        await pause(wait_ms * (0.5 + Math.random()), signal);
        wait_ms = Math.min(wait_ms * 2, 2000);
      }
    }
  }

  private async *handOut(deliveries: readonly Delivery[]): AsyncGenerator<FollowedBatch, void> {
    const jump = deliveries.find((delivery) => this.isJump(delivery));
    if (jump !== undefined) {
      // None of this was handed out, so all of it is read again.
      for (const { cursor, asked } of deliveries) cursor.next = asked;
      throw new OffsetOutOfRange({ topic: jump.cursor.topic, partition: jump.cursor.partition, offset: jump.asked });
    }
    for (const delivery of deliveries) {
      this.noteEnd(partitionKey(delivery.cursor.topic, delivery.cursor.partition), delivery.end);
    }
    const full = deliveries.filter((delivery) => delivery.records.length > 0);
    for (const delivery of full) {
      for (const records of inChunks(delivery.records, this.options.batch ?? 500)) {
        this.lastYield = performance.now();
        yield { records, atEnd: delivery === full.at(-1) && records.at(-1) === delivery.records.at(-1) && this.atEnd() };
        if (this.options.signal.aborted) return;
      }
    }
    if (full.length > 0) {
      if (this.options.linger_ms !== undefined) await pause(this.options.linger_ms, this.options.signal);
    } else if (performance.now() - this.lastYield >= this.idle_ms) {
      this.lastYield = performance.now();
      yield { records: [], atEnd: this.atEnd() };
    }
  }

  /** Only compaction leaves offsets out. Anywhere else a jump means that the client went on somewhere else by itself. */
  private isJump({ cursor, asked, from, records }: Delivery): boolean {
    return (records[0]?.position.offset ?? asked) < asked || (from !== asked && !this.parts.isCompacted(cursor.topic));
  }

  /** Returns when reading on may work: the range of the log decides, not the client's error. */
  private async giveUpWhenGone(error: unknown): Promise<void> {
    if (error instanceof PositionGone) throw error;
    if (!(error instanceof OffsetOutOfRange)) return;
    const { topic, partition, offset } = error.position;
    const ranges = await this.parts.driver.ranges([topic]).catch((failure: unknown) => this.parts.onProblem(`cannot find out the offsets of ${topic}`, failure));
    const range = ranges?.get(partitionKey(topic, partition));
    if (range !== undefined && (offset < range.start || offset > range.end)) throw new PositionGone(error.position, range.start, range.end);
  }

  private async learnEnds(): Promise<void> {
    for (const [name, { end }] of await this.parts.driver.ranges(this.options.topics)) this.noteEnd(name, end);
  }

  private noteEnd(name: string, end: number): void {
    this.ends.set(name, Math.max(end, this.ends.get(name) ?? 0));
  }

  private atEnd(): boolean {
    return this.cursors.every((cursor) => cursor.next >= (this.ends.get(partitionKey(cursor.topic, cursor.partition)) ?? Infinity));
  }
}

function* inChunks(records: readonly StoredRecord[], size: number): Generator<readonly StoredRecord[]> {
  if (records.length <= size) yield records;
  else for (let start = 0; start < records.length; start += size) yield records.slice(start, start + size);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
