import type { AppendResult, LogRecord, Position, StoredRecord } from '../port.js';

/** A record that knows its partition: both drivers are told, neither chooses. */
export interface PlacedRecord {
  readonly record: LogRecord;
  readonly partition: number;
}

/** Where a reader is in a partition. Moved by the driver when it delivers, never before. */
export interface Cursor {
  readonly topic: string;
  readonly partition: number;
  /** The offset to read next. */
  next: number;
}

/** Something read from one partition. */
export interface Delivery {
  readonly cursor: Cursor;
  /** The offset that was asked for. */
  readonly asked: number;
  /** The first offset that the broker's answer covers, holes and control records included. */
  readonly from: number;
  /** Where to read on. */
  readonly next: number;
  /** The end of the partition, as the broker knew it then. */
  readonly end: number;
  /** From `asked` on, in order. May be empty where the answer held control records only. */
  readonly records: readonly StoredRecord[];
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Deliver, be it nothing, at least this often. */
  readonly wait_ms: number;
}

/** Retention has removed the offset, or it was never written. */
export class OffsetOutOfRange extends Error {
  override readonly name = 'OffsetOutOfRange';
  constructor(readonly position: Position) {
    super(`${position.topic}/${position.partition} has no offset ${position.offset}`);
  }
}

export interface TopicDescription {
  readonly partitions: number;
  readonly replicas: number;
  /** The settings of the topic by Kafka's names, defaults included. */
  readonly settings: ReadonlyMap<string, string>;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * What the adapter needs of a Kafka client. A driver makes one attempt at each thing and says honestly what came of it;
 * trying again, and the rest of the port, is the adapter's business.
 */
export interface KafkaDriver {
  /** One request for each leader. Answers within the time; does not throw. */
  produce(batch: readonly PlacedRecord[], timeout_ms: number): Promise<readonly AppendResult[]>;
  /** Reads on from the cursors until the signal aborts. Throws OffsetOutOfRange, or what went wrong. */
  read(cursors: readonly Cursor[], options: ReadOptions): AsyncGenerator<readonly Delivery[], void>;
  /** The first offset and the end of every partition. */
  ranges(topics: readonly string[]): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>>;
  /** The topics with these names, or with this prefix, that exist and have leaders. */
  describe(which: { readonly names: readonly string[] } | { readonly prefix: string }): Promise<ReadonlyMap<string, TopicDescription>>;
  /** Those that exist already are left alone. */
  create(topics: readonly NewTopic[]): Promise<void>;
  brokerCount(): Promise<number>;
  close(): Promise<void>;
}
