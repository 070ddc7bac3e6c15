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
} from './port.js';
import { readStateFrom } from './read-state.js';
import { TopicTable } from './topic-table.js';
import type { TopicAdmin, TopicDeclaration } from './topics.js';

interface Partition {
  earliest: number;
  /** Index is the offset; undefined where nothing is any more. */
  readonly records: (StoredRecord | undefined)[];
}

/** The log in memory, for unit tests of others. It passes the suite of the real ones, where that is not about their failures. */
export class MemoryLog implements EventLog, TopicAdmin {
  private readonly topics = new TopicTable();
  private readonly declared = new Map<string, TopicDeclaration>();
  private readonly partitions = new Map<string, Partition>();
  private readonly waiting = new Set<() => void>();

  constructor(topics: readonly TopicDeclaration[] = []) {
    this.declare(topics);
  }

  createTopics(topics: readonly TopicDeclaration[]): Promise<readonly string[]> {
    return Promise.resolve(this.declare(topics));
  }

  append(batch: readonly LogRecord[]): Promise<readonly AppendResult[]> {
    const results = batch.map((record): AppendResult => {
      const error = this.unfit(record);
      return error === undefined ? { outcome: 'stored', position: this.store(record) } : { outcome: 'refused', error, transient: false };
    });
    for (const wake of this.waiting) wake();
    return Promise.resolve(results);
  }

  async *follow(options: FollowOptions): AsyncGenerator<FollowedBatch, void> {
    const cursors = options.topics.flatMap((topic) =>
      Array.from({ length: this.topics.get(topic).partitions }, (_, partition) => ({ topic, partition, start: options.from.get(partitionKey(topic, partition)) ?? 0 })),
    );
    while (!options.signal.aborted) {
      let found = false;
      for (const cursor of cursors) {
        const { earliest, records } = this.partition(cursor.topic, cursor.partition);
        if (cursor.start < earliest || cursor.start > records.length) throw new PositionGone({ ...cursor, offset: cursor.start }, earliest, records.length);
        const part = records.slice(cursor.start, cursor.start + (options.batch ?? 500));
        cursor.start += part.length;
        const present = part.filter((record) => record !== undefined);
        if (present.length === 0) continue;
        found = true;
        yield { records: present, atEnd: cursors.every((other) => other.start === this.partition(other.topic, other.partition).records.length) };
        if (options.signal.aborted) return;
      }
      if (!found && !(await this.changed(options.idle_ms ?? 1000, options.signal))) yield { records: [], atEnd: true };
    }
  }

  readState(topic: string, signal?: AbortSignal): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }> {
    return readStateFrom(this, topic, signal);
  }

  read(position: Position): Promise<StoredRecord | undefined> {
    const { earliest, records } = this.partition(position.topic, position.partition);
    if (position.offset < earliest || position.offset > records.length) return Promise.reject(new PositionGone(position, earliest, records.length));
    return Promise.resolve(records[position.offset]);
  }

  // Asynchronous so that an unknown topic rejects, and does not throw.
  async ends(topics: readonly string[]): Promise<Positions> {
    const ends = new Map<string, number>();
    for (const topic of topics) {
      for (let partition = 0; partition < this.topics.get(topic).partitions; partition += 1)
        ends.set(partitionKey(topic, partition), this.partition(topic, partition).records.length);
    }
    return ends;
  }

  unfit(record: LogRecord): Error | undefined {
    return this.topics.unfit(record);
  }

  partitionOf(topic: string, key: string): number {
    return this.topics.partitionOf(topic, key);
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What retention does: everything before the offset is gone. */
  expire(topic: string, partition: number, before: number): void {
    const { records } = this.partition(topic, partition);
    records.fill(undefined, 0, before);
    this.partition(topic, partition).earliest = before;
  }

  private declare(topics: readonly TopicDeclaration[]): string[] {
    for (const topic of topics) if (!this.declared.has(topic.name)) this.declared.set(topic.name, topic);
    this.topics.add(this.declared);
    return topics
      .filter((topic) => this.declared.get(topic.name)!.partitions !== topic.partitions)
      .map((topic) => `topic ${topic.name}: partitions is ${this.declared.get(topic.name)!.partitions}, and ${topic.partitions} was asked for`);
  }

  private store(record: LogRecord): Position {
    const partition = this.partitionOf(record.topic, record.key);
    const { records } = this.partition(record.topic, partition);
    const position = { topic: record.topic, partition, offset: records.length };
    records.push({ ...record, position, appended: Date.now() });
    return position;
  }

  private partition(topic: string, partition: number): Partition {
    const name = partitionKey(topic, partition);
    let found = this.partitions.get(name);
    if (found === undefined) this.partitions.set(name, (found = { earliest: 0, records: [] }));
    return found;
  }

  /** False when nothing was appended for that long. */
  private changed(timeout_ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (appended: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        this.waiting.delete(appeared);
        resolve(appended);
      };
      const aborted = (): void => end(true);
      const appeared = (): void => end(true);
      const timer = setTimeout(() => end(false), timeout_ms);
      signal.addEventListener('abort', aborted, { once: true });
      this.waiting.add(appeared);
    });
  }
}
