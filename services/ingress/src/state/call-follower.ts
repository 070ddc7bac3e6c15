import type { Logger } from 'pino';
import { DeadlinePassed, within } from '@customhouse/event-log/deadline';
import { decode, UndecodableRecord } from '@customhouse/event-log/decode';
import { partitionKey, PositionGone, type EventLog, type StoredRecord } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { History } from './history.js';

const topic = 'customhouse.calls';
const pause_ms = 500;
/** Where nobody waits for what others recorded, what this process itself records comes back in few and large batches: it is passed over. */
const unhurried_ms = 1_000;

export interface CallFollowerOptions {
  readonly log: EventLog;
  readonly history: History;
  /** Whose calls need not be read: they were folded when they were decided. */
  readonly sink: { readonly instance: string; readonly epoch: string };
  /** How far back each partition is read at the start. */
  readonly records: number;
  /** Other processes decide calls as well, so what they have recorded is waited for. */
  readonly others: boolean;
  readonly logger: Logger;
}

/** Who asks has to wait longer than it may for what has happened in sessions. */
export class HistoryLate extends Error {
  override readonly name = 'HistoryLate';
}

/**
 * Reads the calls of other processes, and of this one before its restart, for rules that look at what happened before. It begins when the
 * first such rule is in force, because every process that reads all calls costs something.
 */
export class CallFollower {
  readonly #stop = new AbortController();
  /** The offset to read next, by partition. Undefined until it is known where to begin. */
  #next: Map<string, number> | undefined;
  /** Where each partition ended when reading began. */
  #ends: ReadonlyMap<string, number> = new Map();
  #running: Promise<void> | undefined;
  /** Partitions of which something was read. */
  readonly #begun = new Set<string>();
  readonly #waiting = new Set<() => void>();

  /** Of this process when it began; it may begin later ones. */
  readonly #firstEpoch: number;

  constructor(private readonly options: CallFollowerOptions) {
    this.#firstEpoch = Number(options.sink.epoch);
  }

  /** Begins to follow, unless it does. */
  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /**
   * Resolves when everything is known that was in the log when this was asked; where no other process decides calls, everything that was when
   * reading began. Rejects with HistoryLate after the time, or with what the log says.
   */
  async current(timeout_ms: number): Promise<void> {
    this.start();
    if (!this.options.others && this.#next !== undefined) {
      if (this.#has(this.#ends)) return;
      return this.#until(this.#ends, timeout_ms);
    }
    const begun = performance.now();
    const ends = await within(timeout_ms, this.options.log.ends([topic])).catch((error: unknown) => {
      throw error instanceof DeadlinePassed ? new HistoryLate(`the log did not say within ${timeout_ms} ms where the calls of other processes end`) : error;
    });
    return this.#until(ends, begun + timeout_ms - performance.now());
  }

  #until(ends: ReadonlyMap<string, number>, timeout_ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!this.#has(ends)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new HistoryLate(`the calls of other processes could not be read within ${Math.round(timeout_ms)} ms`));
      }, timeout_ms);
      this.#waiting.add(look);
      look();
    });
  }

  #has(ends: ReadonlyMap<string, number>): boolean {
    if (this.#next === undefined) return false;
    for (const [partition, end] of ends) if ((this.#next.get(partition) ?? 0) < end) return false;
    return true;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        this.#next ??= await this.#begin();
        this.#look();
        for await (const { records } of this.options.log.follow({ topics: [topic], from: this.#next, signal, linger_ms: this.options.others ? undefined : unhurried_ms })) {
          for (const record of records) this.#apply(record);
          this.#look();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof PositionGone) this.#skip(error);
        else this.options.logger.warn({ error }, 'the calls of other processes cannot be followed; trying again');
        await new Promise((resolve) => setTimeout(resolve, pause_ms).unref());
      }
    }
  }

  async #begin(): Promise<Map<string, number>> {
    const ends = await this.options.log.ends([topic]);
    this.#ends = ends;
    return new Map([...ends].map(([partition, end]) => [partition, Math.max(0, end - this.options.records)]));
  }

  /** The log no longer has what was to be read: what happened until now may be unknown. */
  #skip({ asked, earliest }: PositionGone): void {
    const place = partitionKey(asked.topic, asked.partition);
    this.#next!.set(place, earliest);
    this.#begun.delete(place);
    this.options.logger.info({ partition: asked.partition, from: earliest }, 'older calls are no longer in the log');
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }

  #apply(record: StoredRecord): void {
    const { partition, offset } = record.position;
    const place = partitionKey(topic, partition);
    this.#next!.set(place, offset + 1);
    // What came before the first record that is read is not known.
    if (!this.#begun.has(place) && offset > 0) this.options.history.knownFrom(record.appended);
    this.#begun.add(place);
    if (offset >= (this.#ends.get(place) ?? 0) && record.headers['ce_source']?.endsWith(`/${this.options.sink.instance}`) === true) return;
    const event = decodable(record);
    if (event !== undefined && !this.#isOwn(event)) this.options.history.apply(event, record.key);
  }

  /** Folded when it was decided: by this process, and not by one of the same name before it. */
  #isOwn({ envelope }: StoredEvent): boolean {
    const { instance } = this.options.sink;
    return envelope.instance === instance && Number(envelope.epoch) >= this.#firstEpoch;
  }
}

/** A record that is no event of ours says nothing. */
function decodable(record: StoredRecord): StoredEvent | undefined {
  try {
    return decode(record);
  } catch (error) {
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}
