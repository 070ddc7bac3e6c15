import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import type { EventSink, NewEvent } from '@customhouse/event-log/sink';
import { currentData } from './current-data.js';
import { backoff } from './failures.js';
import { outboxChannel } from './outbox.js';
import { rowsOf } from './sql.js';
import { inTransaction } from './transaction.js';
import { Waker } from './waker.js';

export interface OutboxRelayOptions {
  readonly dataSource: DataSource;
  readonly schema: string;
  /** For the connection that listens. */
  readonly url: string;
  readonly sink: EventSink;
  /** At most this many rows in one transaction. Default 200. */
  readonly batch?: number;
  /** A look without being woken, in case a notification was lost. Default 1000 ms. */
  readonly poll_ms?: number;
  /** How long the log may take for one batch. Default 5000 ms. */
  readonly append_timeout_ms?: number;
  /** Called when shipping begins to fail, and with undefined when it works again. */
  readonly onProblem?: (error: unknown) => void;
  /** Called with the number of rows that reached the log. */
  readonly onShipped?: (count: number) => void;
}

interface OutboxRow {
  /** A bigint, as text. */
  readonly sequence: string;
  readonly kind: 'event' | 'removal' | 'raw';
  readonly topic: string;
  readonly key: string;
  readonly event_id: string | null;
  readonly wire_type: string | null;
  readonly subject: string | null;
  readonly data: string | null;
  readonly cause: string | null;
  readonly traceparent: string | null;
  readonly created_ms: string | null;
  readonly value: Buffer | null;
  readonly headers: string | null;
}

/**
 * Ships what the transactions of one service left in its outbox to the log, in order, and takes it out when the log has it.
 *
 * Rows are taken out one by one instead of remembering "shipped up to number n", so a transaction that commits late is never
 * skipped. Of two rows where one transaction saw the other's effects, the later has the higher number and is not visible
 * without the earlier, so order of numbers is order of causes; a horizon of transaction ids would not give that (the later
 * transaction may have the lower id). One relay per schema works at a time; the lock goes with its transaction.
 * A crash between log and commit ships a row twice, under the same event id.
 */
export class OutboxRelay {
  private readonly waker: Waker;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private problem: string | undefined;

  constructor(private readonly options: OutboxRelayOptions) {
    this.waker = new Waker({ url: options.url, channel: outboxChannel, wants: (payload) => payload === options.schema });
  }

  /** Why nothing is being shipped, in words; undefined while it works. */
  get trouble(): string | undefined {
    return this.problem;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Lets the batch in flight end, tries once to ship what is left, and stops. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.waker.close();
    await this.running;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      try {
        const more = await this.shipBatch();
        if (failures > 0) this.options.onProblem?.(undefined);
        failures = 0;
        this.problem = undefined;
        if (!more) await this.waker.wait(this.options.poll_ms ?? 1_000);
      } catch (error) {
        failures += 1;
        this.problem = error instanceof Error ? error.message : String(error);
        if (failures === 1) this.options.onProblem?.(error);
        await sleep(backoff(failures, 50, 2_000), undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
    await this.shipBatch().catch((error: unknown) => this.options.onProblem?.(error));
  }

  /** True when there is probably more to ship. Throws when a row could not be shipped, after taking out those that were. */
  private async shipBatch(): Promise<boolean> {
    const limit = this.options.batch ?? 200;
    let failure: unknown;
    const shipped = await inTransaction(
      this.options.dataSource,
      async (tx) => {
        failure = undefined;
        if (!(await this.lock(tx))) return 0;
        const rows = await rowsOf<OutboxRow>(tx, 'select * from outbox order by sequence limit $1', [limit]);
        let done = 0;
        try {
          for (const run of runsOf(rows)) {
            await this.ship(run);
            done += run.length;
          }
        } catch (error) {
          failure = error;
        }
        if (done > 0) await tx.query('delete from outbox where sequence = any($1::bigint[])', [rows.slice(0, done).map((row) => row.sequence)]);
        return done;
      },
      { attempts: 1 },
    );
    if (shipped > 0) this.options.onShipped?.(shipped);
    if (failure !== undefined) throw failure;
    return shipped === limit;
  }

  private async lock(tx: EntityManager): Promise<boolean> {
    const rows = await rowsOf<{ locked: boolean }>(tx, 'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked', [`customhouse.outbox.${this.options.schema}`]);
    return rows[0]?.locked === true;
  }

  private async ship(run: readonly OutboxRow[]): Promise<void> {
    const options = { timeout_ms: this.options.append_timeout_ms ?? 5_000 };
    const [first] = run;
    if (first?.kind === 'event') await this.options.sink.appendAll(run.map(toEvent), options);
    else if (first?.kind === 'raw')
      await this.options.sink.appendRaw(
        run.map((row) => ({ topic: row.topic, key: row.key, value: row.value, headers: JSON.parse(row.headers ?? '{}') as Record<string, string> })),
        options,
      );
    else for (const row of run) await this.options.sink.remove(row.topic, row.key, options);
  }
}

/** What the writer takes as one batch is limited; a run stays well below. */
const runLimit_bytes = 256 * 1024;

/** Neighbours of one kind go together; the order between the runs is kept by awaiting each. */
function runsOf(rows: readonly OutboxRow[]): OutboxRow[][] {
  const runs: OutboxRow[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const last = runs.at(-1);
    const size = 1_000 + (row.data?.length ?? 0) * 3 + (row.value?.length ?? 0);
    bytes += size;
    if (last?.[0]?.kind === row.kind && bytes <= runLimit_bytes) last.push(row);
    else {
      runs.push([row]);
      bytes = size;
    }
  }
  return runs;
}

function toEvent(row: OutboxRow): NewEvent {
  const { declaration, data } = currentData(row.wire_type ?? '', row.data ?? 'null');
  return {
    declaration,
    data,
    subject: row.subject ?? '',
    key: row.key,
    id: row.event_id ?? undefined,
    time: row.created_ms === null ? undefined : Number(row.created_ms),
    cause: row.cause ?? undefined,
    traceparent: row.traceparent ?? undefined,
  };
}
