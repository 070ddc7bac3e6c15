import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerStartBatchProcessEvent, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { partitionKey, type StoredRecord } from '../../port.js';
import { OffsetOutOfRange, type Cursor, type Delivery, type ReadOptions } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { newClient } from './client.js';
import { Sockets } from './sockets.js';

const sessionTimeout_ms = 30_000;
const heartbeat_ms = 3000;
const partitionBytes = 2 * 1024 * 1024;

/** What the library pushes, until the reader pulls it. */
interface Handover {
  readonly payload: EachBatchPayload;
  taken(): void;
}

export interface ReaderParts {
  readonly options: KafkaOptions;
  /** The first offset and the end of every partition, by `partitionKey`. */
  ranges(): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>>;
  /** Told of work that goes on after the reader has ended, and that must not outlive the driver. */
  onEnding(ending: Promise<void>): void;
}

/**
 * Reads through a consumer group of its own, which is the only way in this library; nothing is ever committed. The library
 * answers a lost position by jumping to another one: the adapter above compares every first offset with what was asked for.
 */
export async function* consume(parts: ReaderParts, cursors: readonly Cursor[], { signal, wait_ms }: ReadOptions): AsyncGenerator<readonly Delivery[], void> {
  const sockets = new Sockets();
  const consumer = newClient(parts.options, sockets).consumer({
    groupId: `customhouse-follow-${randomUUID()}`,
    sessionTimeout: sessionTimeout_ms,
    heartbeatInterval: heartbeat_ms,
    maxWaitTimeInMs: wait_ms,
    maxBytesPerPartition: partitionBytes,
    allowAutoTopicCreation: false,
    readUncommitted: true,
    retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
  });
  const inbox = new Inbox(signal);
  consumer.on(consumer.events.CRASH, ({ payload }) => inbox.fail(payload.error));
  consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => passControlRecords(cursors, payload));
  try {
    await begin(consumer, cursors, inbox, signal);
    while (!signal.aborted) {
      const handover = await inbox.next(wait_ms);
      if (signal.aborted) return;
      if (handover === undefined) {
        yield nothingNew(cursors, await parts.ranges());
        continue;
      }
      const delivery = toDelivery(cursors, handover.payload);
      if (delivery !== undefined) {
        delivery.cursor.next = delivery.next;
        yield [delivery];
        handover.payload.resolveOffset(String(delivery.next - 1));
      }
      handover.taken();
    }
  } finally {
    inbox.close();
    // Leaving the group in order would wait for a broker that may be away; it forgets the member by itself.
    sockets.cut();
    parts.onEnding(consumer.disconnect().catch(() => undefined));
  }
}

async function begin(consumer: Consumer, cursors: readonly Cursor[], inbox: Inbox, signal: AbortSignal): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [...new Set(cursors.map((cursor) => cursor.topic))], fromBeginning: true });
  const running = consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 1,
    eachBatch: async (payload) => {
      if (payload.isStale() || signal.aborted) return;
      await inbox.put(payload);
    },
  });
  // At once, while the group is being joined: nothing may be fetched from anywhere else.
  for (const { topic, partition, next } of cursors) consumer.seek({ topic, partition, offset: String(next) });
  await running;
}

/** A batch that holds control records only is never handed over; what it covers is passed here. */
function passControlRecords(cursors: readonly Cursor[], batch: ConsumerStartBatchProcessEvent['payload']): void {
  const cursor = cursors.find((candidate) => candidate.topic === batch.topic && candidate.partition === batch.partition);
  if (cursor !== undefined && batch.batchSize === 0 && Number(batch.firstOffset) === cursor.next) cursor.next = Number(batch.lastOffset) + 1;
}

/** The library says nothing when a position is lost and nothing comes: it waits at another one. So the range is looked at. */
function nothingNew(cursors: readonly Cursor[], ranges: Awaited<ReturnType<ReaderParts['ranges']>>): readonly Delivery[] {
  return cursors.map((cursor) => {
    const { topic, partition, next } = cursor;
    const range = ranges.get(partitionKey(topic, partition));
    if (range === undefined) throw new Error(`${topic}/${partition} is not there any more`);
    if (next < range.start || next > range.end) throw new OffsetOutOfRange({ topic, partition, offset: next });
    return { cursor, asked: next, from: next, next, end: range.end, records: [] };
  });
}

function toDelivery(cursors: readonly Cursor[], { batch, isStale }: EachBatchPayload): Delivery | undefined {
  const cursor = cursors.find((candidate) => candidate.topic === batch.topic && candidate.partition === batch.partition);
  const first = batch.firstOffset();
  if (cursor === undefined || first === null || isStale()) return undefined;
  return {
    cursor,
    asked: cursor.next,
    from: Number(first),
    next: Number(batch.lastOffset()) + 1,
    end: Number(batch.highWatermark),
    records: batch.messages.map((message) => toRecord(batch.topic, batch.partition, message)),
  };
}

function toRecord(topic: string, partition: number, message: KafkaMessage): StoredRecord {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) headers[name] = String(Array.isArray(value) ? value[0] : (value ?? ''));
  return {
    topic,
    key: message.key?.toString('utf8') ?? '',
    // Copied: a small record that is kept would otherwise keep the whole answer in memory.
    value: message.value === null ? null : Buffer.from(message.value),
    headers,
    position: { topic, partition, offset: Number(message.offset) },
    appended: Number(message.timestamp),
  };
}

/** Turns the library's calls into something that is waited for, one at a time. */
class Inbox {
  private readonly waiting: Handover[] = [];
  private failure: Error | undefined;
  private closed = false;
  private current: Handover | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.wake(), { once: true });
  }

  /** Resolves when the payload was dealt with; keeps the membership alive until then. */
  async put(payload: EachBatchPayload): Promise<void> {
    let done = this.closed;
    const dealtWith = new Promise<void>((resolve) => {
      this.waiting.push({
        payload,
        taken: () => {
          done = true;
          resolve();
        },
      });
    });
    this.wake();
    while (!done) {
      await Promise.race([dealtWith, sleep(heartbeat_ms, undefined, { ref: false })]);
      if (!done) await payload.heartbeat();
    }
  }

  /** Undefined when nothing came in time. Throws what made the consumer stop. */
  async next(wait_ms: number): Promise<Handover | undefined> {
    if (this.waiting.length === 0 && this.failure === undefined && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait_ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.failure !== undefined) throw this.failure;
    this.current = this.waiting.shift();
    return this.current;
  }

  fail(error: Error): void {
    this.failure = error;
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.current?.taken();
    for (const handover of this.waiting.splice(0)) handover.taken();
  }
}
