import { partitionOfKey } from './murmur2.js';
import type { LogRecord } from './port.js';

/** What an engine must know of a topic to append to it. */
export interface KnownTopic {
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  readonly max_record_bytes: number;
}

/** Asked for a topic that the engine does not have. Topics are created from infra/kafka/topics.json, never on first use. */
export class UnknownTopic extends Error {
  override readonly name = 'UnknownTopic';
  constructor(topic: string) {
    super(`the log has no topic ${topic}: create it first (topics are never made on first use)`);
  }
}

/** The topics of an engine, as it last described them. */
export class TopicTable {
  private readonly topics = new Map<string, KnownTopic>();

  add(topics: Iterable<readonly [string, KnownTopic]>): void {
    for (const [name, topic] of topics) this.topics.set(name, topic);
  }

  has(topic: string): boolean {
    return this.topics.has(topic);
  }

  /** Throws UnknownTopic. */
  get(topic: string): KnownTopic {
    const known = this.topics.get(topic);
    if (known === undefined) throw new UnknownTopic(topic);
    return known;
  }

  partitionOf(topic: string, key: string): number {
    return partitionOfKey(key, this.get(topic).partitions);
  }

  /** Why no engine can take this record, before anything is sent. One unfit record must not fail its whole batch. */
  unfit(record: LogRecord): Error | undefined {
    const known = this.topics.get(record.topic);
    if (known === undefined) return new UnknownTopic(record.topic);
    if (record.key.includes('\0') || !record.key.isWellFormed()) return new Error(`a key of ${record.topic} holds a NUL or half a character: ${JSON.stringify(record.key)}`);
    if (record.value === null) return known.cleanup === 'compact' ? undefined : new Error(`${record.topic} is not compacted, so nothing can be removed from it`);
    if (record.value.length > known.max_record_bytes)
      return new Error(`a record of ${record.value.length} bytes is over the limit of ${known.max_record_bytes} of ${record.topic}`);
    return undefined;
  }
}
