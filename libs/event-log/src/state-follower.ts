import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from './decode.js';
import { PositionGone, type EventLog, type StoredRecord } from './port.js';
import type { StoredEvent } from './stored-event.js';

/** What became of one key. */
export interface StateChange {
  readonly topic: string;
  readonly key: string;
  /** Undefined: the key was removed. */
  readonly event: StoredEvent | undefined;
}

export interface StateFollowerOptions {
  readonly log: EventLog;
  /** Compacted topics. */
  readonly topics: readonly string[];
  /** Called once for each key of the state when it is first read, then for each change, in order. Must not throw. */
  readonly onChange: (change: StateChange) => void;
  /** Called once, when all topics were read to the end that they had at the start. */
  readonly onReady?: () => void;
  /** Told about what is passed over (a record that is no event) and what is tried again. */
  readonly onProblem?: (problem: string, error: unknown) => void;
}

/**
 * Keeps a process up to date with compacted topics: the whole state first, then every change. It is never given up: what
 * fails is tried again, and `staleness_ms` says how old the knowledge is, so that the owner can refuse past a limit.
 */
export class StateFollower {
  private readonly stop = new AbortController();
  private readonly keys = new Map<string, Set<string>>();
  private readonly running: Promise<void>;
  private confirmed = -Infinity;
  private loaded = false;

  constructor(private readonly options: StateFollowerOptions) {
    for (const topic of options.topics) this.keys.set(topic, new Set());
    this.running = this.run();
  }

  /** True once every topic was read to its end. Never decide on a half-loaded state. */
  get ready(): boolean {
    return this.loaded;
  }

  /** Milliseconds since the state was last known to be complete. Infinity before it is ready. */
  get staleness_ms(): number {
    return performance.now() - this.confirmed;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    let wait_ms = 100;
    while (!this.stop.signal.aborted) {
      try {
        const from = await this.load();
        wait_ms = 100;
        await this.follow(from);
      } catch (error) {
        if (this.stop.signal.aborted) return;
        const problem = error instanceof PositionGone ? 'the state was removed under its follower; reading it again' : 'cannot follow the state; trying again';
        this.options.onProblem?.(problem, error);
        await sleep(wait_ms * (0.5 + Math.random()), undefined, { signal: this.stop.signal }).catch(() => undefined);
        wait_ms = Math.min(wait_ms * 2, 5000);
      }
    }
  }

  /** Reads everything. What was known and is no longer there is reported as removed. */
  private async load(): Promise<Map<string, number>> {
    const from = new Map<string, number>();
    const started = performance.now();
    for (const topic of this.options.topics) {
      const { records, next } = await this.options.log.readState(topic, this.stop.signal);
      const present = new Set(records.map((record) => record.key));
      for (const key of this.keys.get(topic)!) if (!present.has(key)) this.change(topic, key, undefined);
      for (const record of records) this.apply(record);
      for (const [partition, offset] of next) from.set(partition, offset);
    }
    this.confirmed = started;
    if (!this.loaded) {
      this.loaded = true;
      this.options.onReady?.();
    }
    return from;
  }

  private async follow(from: Map<string, number>): Promise<void> {
    for await (const batch of this.options.log.follow({ topics: this.options.topics, from, signal: this.stop.signal })) {
      for (const record of batch.records) this.apply(record);
      if (batch.atEnd) this.confirmed = performance.now();
    }
  }

  private apply(record: StoredRecord): void {
    if (record.value === null) return this.change(record.topic, record.key, undefined);
    let event: StoredEvent;
    try {
      event = decode(record);
    } catch (error) {
      // The last good state of the key stays in force.
      this.options.onProblem?.(`a record of ${record.topic} was passed over`, error);
      return;
    }
    this.change(record.topic, record.key, event);
  }

  private change(topic: string, key: string, event: StoredEvent | undefined): void {
    const keys = this.keys.get(topic)!;
    if (event === undefined) keys.delete(key);
    else keys.add(key);
    this.options.onChange({ topic, key, event });
  }
}

/** Begins to follow at once. */
export function followState(options: StateFollowerOptions): StateFollower {
  return new StateFollower(options);
}
