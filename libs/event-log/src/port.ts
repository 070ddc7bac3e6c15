/**
 * The port to the log. Two engines stand behind it (Kafka with two drivers, PostgreSQL), and one suite that all pass.
 * Values are opaque bytes here: events are made by the writer (event-writer.ts), which also does the group commit.
 */
export interface LogRecord {
  readonly topic: string;
  /** Records of one key keep their order, because they share a partition. */
  readonly key: string;
  /** Null removes the key from a compacted topic. */
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface StoredRecord extends LogRecord {
  readonly position: Position;
  /** Unix milliseconds, by the engine's clock. */
  readonly appended: number;
}

/** What became of one record of a batch, in the batch's order. */
export type AppendResult =
  | { readonly outcome: 'stored'; readonly position: Position }
  /** Certainly not in the log. `transient`: the engine was away or busy, and the same record may be taken later. */
  | { readonly outcome: 'refused'; readonly error: Error; readonly transient: boolean }
  /** Nobody knows: it may be in the log now or appear later. It must never be acted on. */
  | { readonly outcome: 'indeterminate'; readonly error: Error };

/** For each partition the offset to read next; a partition that is not named is read from its start. */
export type Positions = ReadonlyMap<string, number>;

/** Key of a `Positions` map. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

/**
 * Asked for a position that retention has removed, or one beyond the end (the log is not the one that the position came
 * from). Never answered by jumping silently to another one.
 */
export class PositionGone extends Error {
  override readonly name = 'PositionGone';
  constructor(
    readonly asked: { readonly topic: string; readonly partition: number; readonly offset: number },
    readonly earliest: number,
    /** The offset after the last record. */
    readonly end: number,
  ) {
    super(
      asked.offset < earliest
        ? `${asked.topic}/${asked.partition} no longer has offset ${asked.offset}: its earliest is ${earliest}`
        : `${asked.topic}/${asked.partition} has no offset ${asked.offset}: it ends at ${end} (was the log replaced by an older copy?)`,
    );
  }
}

export interface FollowOptions {
  readonly topics: readonly string[];
  readonly from: Positions;
  /** Ends the iteration in order, without an error. */
  readonly signal: AbortSignal;
  /** At most this many records in a batch. Default 500. */
  readonly batch?: number;
  /** Yield an empty batch when this much time passes without records, so that a follower can notice that it is at the end. Default 1000 ms. */
  readonly idle_ms?: number;
  /** Wait this long after new records were noticed, so that a busy log gives fewer and larger batches. Default 0. */
  readonly linger_ms?: number;
}

export interface FollowedBatch {
  /** All of one partition, in order. Empty when nothing came for `idle_ms`. */
  readonly records: readonly StoredRecord[];
  /** True when the reader was certainly at the end of every partition when this batch was taken. Within `idle_ms` of the last record there is such a batch. */
  readonly atEnd: boolean;
}

export interface EventLog {
  /**
   * Appends a batch durably (`acks=all`, or a committed transaction). Answers by the deadline in any case: what is not
   * known then is indeterminate. At most one call at a time per EventLog: the writer above queues. Does not throw.
   */
  append(batch: readonly LogRecord[], deadline: { readonly timeout_ms: number }): Promise<readonly AppendResult[]>;

  /**
   * Everything from the given positions on, then everything that comes. Survives restarts of the engine (retrying with
   * back-off, without gaps). Throws PositionGone.
   */
  follow(options: FollowOptions): AsyncIterable<FollowedBatch>;

  /**
   * A compacted topic up to the end it had when asked: the last record of each key, null values left out. `next` is where to follow from.
   */
  readState(topic: string, signal?: AbortSignal): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }>;

  /** One record. Undefined when the position holds none (compacted away); throws PositionGone. */
  read(position: Position): Promise<StoredRecord | undefined>;

  /** The offset after the last record of every partition of these topics. */
  ends(topics: readonly string[]): Promise<Positions>;

  /**
   * Why the engine would never take this record, whatever its health (unknown topic, too large, a removal where nothing is
   * compacted); undefined otherwise. Cheap. `append` refuses the same records, and only them, without sending anything.
   */
  unfit(record: LogRecord): Error | undefined;

  /** Partition that a key belongs to, the same in every process and driver. */
  partitionOf(topic: string, key: string): number;

  /** Throws with a clear message when the engine cannot be reached. For readiness. */
  ping(timeout_ms: number): Promise<void>;

  close(): Promise<void>;
}
