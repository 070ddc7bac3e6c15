import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, within } from '../deadline.js';
import {
  partitionKey,
  PositionGone,
  type AppendResult,
  type EventLog,
  type FollowedBatch,
  type FollowOptions,
  type LogRecord,
  type Position,
  type Positions,
  type StoredRecord,
} from '../port.js';
import { readStateFrom } from '../read-state.js';
import { TopicTable, UnknownTopic } from '../topic-table.js';
import type { TopicAdmin, TopicDeclaration } from '../topics.js';
import type { KafkaDriver, PlacedRecord } from './driver.js';
import { KafkaFollower } from './follower.js';
import type { KafkaOptions } from './options.js';
import { createTopics, knownTopic } from './topics.js';

/** Topics of ours begin with this; others are looked up when they are asked for. */
const ownPrefix = 'customhouse.';

/** The log in Kafka, through either driver. */
export class KafkaLog implements EventLog, TopicAdmin {
  private readonly topics = new TopicTable();

  private constructor(
    private readonly driver: KafkaDriver,
    private readonly options: KafkaOptions,
  ) {}

  /** Throws a clear message when no broker can be used. */
  static async open(options: KafkaOptions): Promise<KafkaLog> {
    const log = new KafkaLog(await driverFor(options), options);
    try {
      await log.learn({ prefix: ownPrefix });
      return log;
    } catch (error) {
      await log.close();
      throw new Error(`the log cannot be opened in ${log.place}: ${messageOf(error)}`, { cause: error });
    }
  }

  async createTopics(topics: readonly TopicDeclaration[]): Promise<readonly string[]> {
    const { differences, described } = await createTopics(this.driver, topics, this.options.replication);
    this.topics.add([...described].map(([name, description]) => [name, knownTopic(description)]));
    return differences;
  }

  async append(batch: readonly LogRecord[], { timeout_ms }: { readonly timeout_ms: number }): Promise<readonly AppendResult[]> {
    const results = batch.map((record): AppendResult | undefined => {
      const error = this.unfit(record);
      return error && { outcome: 'refused', error, transient: false };
    });
    const indexes: number[] = [];
    const placed: PlacedRecord[] = [];
    batch.forEach((record, index) => {
      if (results[index] !== undefined) return;
      indexes.push(index);
      placed.push({ record, partition: this.partitionOf(record.topic, record.key) });
    });
    if (placed.length === 0) return results as readonly AppendResult[];
    const answers = await this.driver.produce(placed, timeout_ms);
    indexes.forEach((index, nth) => (results[index] = answers[nth]));
    return results as readonly AppendResult[];
  }

  async *follow(options: FollowOptions): AsyncGenerator<FollowedBatch, void> {
    const cursors = await this.cursors(options);
    if (options.signal.aborted) return;
    const parts = { driver: this.driver, isCompacted: (topic: string) => this.topics.get(topic).cleanup === 'compact', onProblem: this.problem };
    yield* new KafkaFollower(parts, cursors, options).batches();
  }

  readState(topic: string, signal?: AbortSignal): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }> {
    return readStateFrom(this, topic, signal);
  }

  async read(position: Position): Promise<StoredRecord | undefined> {
    const { topic, partition, offset } = position;
    const range = (await this.ranges([topic])).get(partitionKey(topic, partition));
    if (range === undefined) throw new Error(`the log has no partition ${topic}/${partition}`);
    if (offset < range.start || offset > range.end) throw new PositionGone(position, range.start, range.end);
    if (offset === range.end) return undefined;
    const stop = new AbortController();
    try {
      for await (const deliveries of this.driver.read([{ topic, partition, next: offset }], { signal: stop.signal, wait_ms: 1000 })) {
        const found = deliveries.find((delivery) => delivery.next > offset);
        if (found !== undefined) return found.records.find((record) => record.position.offset === offset);
      }
      return undefined;
    } finally {
      stop.abort();
    }
  }

  async ends(topics: readonly string[]): Promise<Positions> {
    return new Map([...(await this.ranges(topics))].map(([name, { end }]) => [name, end]));
  }

  unfit(record: LogRecord): Error | undefined {
    return this.topics.unfit(record);
  }

  partitionOf(topic: string, key: string): number {
    return this.topics.partitionOf(topic, key);
  }

  async ping(timeout_ms: number): Promise<void> {
    try {
      await within(timeout_ms, this.driver.brokerCount());
    } catch (error) {
      throw new Error(`the log cannot be reached in ${this.place}: ${messageOf(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.driver.close();
  }

  private get place(): string {
    return `Kafka at ${this.options.brokers.join(', ')}`;
  }

  private readonly problem = (problem: string, error: unknown): void => this.options.onProblem?.(problem, error);

  private async learn(which: Parameters<KafkaDriver['describe']>[0]): Promise<void> {
    const described = await this.driver.describe(which);
    this.topics.add([...described].map(([name, description]) => [name, knownTopic(description)]));
  }

  private async ranges(topics: readonly string[]): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>> {
    await this.know(topics);
    return this.driver.ranges(topics);
  }

  /** Throws UnknownTopic when one of them does not exist. */
  private async know(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.topics.has(topic));
    if (unknown.length > 0) await this.learn({ names: unknown });
    for (const topic of topics) this.topics.get(topic);
  }

  private async cursors(options: FollowOptions): Promise<{ topic: string; partition: number; next: number }[]> {
    let wait_ms = 100;
    while (!options.signal.aborted) {
      try {
        await this.know(options.topics);
        break;
      } catch (error) {
        if (error instanceof UnknownTopic) throw error;
        this.problem(`cannot describe ${options.topics.join(', ')}; trying again`, error);
        await sleep(wait_ms * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() => undefined);
        wait_ms = Math.min(wait_ms * 2, 2000);
      }
    }
    if (options.signal.aborted) return [];
    return options.topics.flatMap((topic) =>
      Array.from({ length: this.topics.get(topic).partitions }, (_, partition) => ({ topic, partition, next: options.from.get(partitionKey(topic, partition)) ?? 0 })),
    );
  }
}

/** Only the client that is used is loaded: either takes a few tenths of a second. */
async function driverFor(options: KafkaOptions): Promise<KafkaDriver> {
  if (options.client === 'platformatic') return new (await import('./platformatic/driver.js')).PlatformaticDriver(options);
  return new (await import('./kafkajs/driver.js')).KafkaJsDriver(options);
}
