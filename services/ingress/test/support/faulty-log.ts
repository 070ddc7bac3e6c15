import type { AppendResult, EventLog, FollowedBatch, FollowOptions, LogRecord, Position, Positions, StoredRecord } from '@customhouse/event-log/port';

/** A real log with switches for how it fails. */
export class FaultyLog implements EventLog {
  /** `down`: refused at once. `hang`: no answer, nothing stored. `lose`: stored, and the answer is lost. */
  mode: 'ok' | 'down' | 'hang' | 'lose' = 'ok';
  /** Nothing can be followed. */
  deaf = false;
  /** Decides for each batch instead, when set. */
  decide: ((batch: readonly LogRecord[]) => FaultyLog['mode']) | undefined;

  constructor(private readonly log: EventLog) {}

  async append(batch: readonly LogRecord[], deadline: { readonly timeout_ms: number }): Promise<readonly AppendResult[]> {
    const mode = this.decide?.(batch) ?? this.mode;
    if (mode === 'ok') return this.log.append(batch, deadline);
    if (mode === 'down') return batch.map(() => ({ outcome: 'refused', error: new Error('the log is down'), transient: true }));
    if (mode === 'lose') await this.log.append(batch, deadline);
    await new Promise((resolve) => setTimeout(resolve, deadline.timeout_ms));
    return batch.map(() => ({ outcome: 'indeterminate', error: new Error('no answer') }));
  }

  async *follow(options: FollowOptions): AsyncIterable<FollowedBatch> {
    for await (const batch of this.log.follow(options)) {
      if (this.deaf) throw new Error('the log cannot be followed');
      yield batch;
    }
  }

  readState(topic: string, signal?: AbortSignal): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }> {
    if (this.deaf) return Promise.reject(new Error('the log cannot be read'));
    return this.log.readState(topic, signal);
  }

  read(position: Position): Promise<StoredRecord | undefined> {
    return this.log.read(position);
  }

  ends(topics: readonly string[]): Promise<Positions> {
    return this.log.ends(topics);
  }

  unfit(record: LogRecord): Error | undefined {
    return this.log.unfit(record);
  }

  partitionOf(topic: string, key: string): number {
    return this.log.partitionOf(topic, key);
  }

  ping(timeout_ms: number): Promise<void> {
    return this.log.ping(timeout_ms);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

/** Whether a batch holds an event of this type. */
export function holds(batch: readonly LogRecord[], type: string): boolean {
  return batch.some((record) => record.headers['ce_type']?.startsWith(`customhouse.${type}.`));
}
