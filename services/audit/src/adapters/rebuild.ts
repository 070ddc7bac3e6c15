import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Rebuild } from '@customhouse/http-contract/audit';
import { conflict } from '@customhouse/http-contract/problem';
import { decode } from '@customhouse/event-log/decode';
import { partitionKey, type EventLog, type Positions } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { isPassing } from '@customhouse/event-store/failures';
import { loadPositions } from '@customhouse/event-store/lease';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { canonicalise } from '@customhouse/kernel/canonical';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, EVENT_LOG, LOGGER } from '@customhouse/nest/tokens';
import type { CallTable } from './call-rows.js';
import { foldCalls } from './calls-fold.js';
import { eventsAfter } from './event-queries.js';
import { eventOf } from './event-rows.js';
import { callsTopic, ledgerGroup } from './ledger.consumer.js';
import { allCalls, toSummary } from './search.js';

type Source = Rebuild['source'];

/** How far a rebuild has read. */
interface Reading {
  readonly source: Source;
  /** Of the log. */
  positions: Map<string, number>;
  /** Of the ledger. */
  number: number;
  events: number;
}

const page = 500;
const lockName = `hashtextextended('customhouse.audit.rebuild', 0)`;

/**
 * Makes the calls anew from their events, in tables beside the live ones, while the ledger goes on. At the end the ledger is stopped for a
 * moment: the rest is folded and a snapshot is taken, in which both tables must export the same bytes. Then the new tables take the place of the old.
 */
@Injectable()
export class Rebuilder implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Begins. Throws ProblemError `conflict` while another one runs, here or in another process. */
  async begin(source: Source): Promise<Rebuild> {
    const guard = this.dataSource.createQueryRunner();
    try {
      const { locked } = await oneRow<{ locked: boolean }>(guard, `select pg_try_advisory_lock(${lockName}) as locked`);
      if (!locked) throw new ProblemError(conflict, 'a rebuild is running already; its progress is at GET /v1/projections/calls');
      // Whatever still says that it runs was cut off.
      await guard.query(`update rebuilds set state = 'failed', finished = clock_timestamp(), problem = 'the process ended' where state = 'running'`);
      const { id } = await oneRow<{ id: string }>(guard, `insert into rebuilds (state, source) values ('running', $1) returning id`, [source]);
      this.running = this.run(id, source, guard);
      return (await lastRebuild(this.dataSource.manager))!;
    } catch (error) {
      await guard.release();
      throw error;
    }
  }

  /** Holds the lock by `guard`, whose connection it gives back. */
  private async run(id: string, source: Source, guard: QueryRunner): Promise<void> {
    const reading: Reading = { source, positions: new Map(), number: 0, events: 0 };
    try {
      await this.makeTables();
      await this.readTo(await this.reached(this.dataSource.manager), reading);
      const { live, rebuilt, calls } = await this.compare(reading);
      await this.swap(reading);
      await this.finish(id, 'swapped', reading, { calls, live, rebuilt });
      this.logger.info({ source, events: reading.events, calls, equal: live === rebuilt }, 'the calls were rebuilt');
    } catch (error) {
      this.logger.error({ error }, 'the calls could not be rebuilt; the live ones are as they were');
      await this.finish(id, 'failed', reading, { problem: error instanceof Error ? error.message : String(error) }).catch((late: unknown) =>
        this.logger.error({ error: late }, 'the failed rebuild could not be noted'),
      );
    } finally {
      await guard.query(`select pg_advisory_unlock(${lockName})`).catch(() => undefined);
      await guard.release();
    }
  }

  private async makeTables(): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      await tx.query('drop table if exists calls_rebuilt, anomalies_rebuilt cascade');
      await tx.query('create table calls_rebuilt (like calls including all) partition by range (call)');
      await tx.query('create table anomalies_rebuilt (like anomalies including all)');
      const parts = await rowsOf<{ bound: string; name: string }>(
        tx,
        `select pg_get_expr(child.relpartbound, child.oid) as bound, 'calls_' || to_hex(nextval('event_numbers')) as name from pg_inherits join pg_class child on child.oid = inhrelid where inhparent = 'calls'::regclass`,
      );
      for (const { bound, name } of parts) await tx.query(`create table ${name} partition of calls_rebuilt ${bound}`);
    });
  }

  /** Where the live projection stands. */
  private async reached(tx: Tx): Promise<{ positions: Positions; number: number }> {
    const positions = (await loadPositions(tx, ledgerGroup)).filter((position) => position.topic === callsTopic);
    const { number } = await oneRow<{ number: string | null }>(tx, 'select max(number) as number from events');
    return { positions: new Map(positions.map((position) => [partitionKey(position.topic, position.partition), position.offset])), number: Number(number ?? 0) };
  }

  /** Folds everything between where the reading is and where the live projection stands. */
  private async readTo(target: { positions: Positions; number: number }, reading: Reading): Promise<void> {
    if (reading.source === 'ledger') await this.readLedger(target.number, reading);
    else await this.readLog(target.positions, reading);
  }

  private async readLedger(last: number, reading: Reading): Promise<void> {
    for (;;) {
      this.stopping.signal.throwIfAborted();
      const rows = (await eventsAfter(this.dataSource.manager, reading.number, { topic: callsTopic }, page)).filter((row) => Number(row.number) <= last);
      if (rows.length === 0) return;
      await this.fold(rows.map(eventOf), reading);
      reading.number = Number(rows.at(-1)!.number);
    }
  }

  private async readLog(ends: Positions, reading: Reading): Promise<void> {
    const done = () => [...ends].every(([partition, end]) => (reading.positions.get(partition) ?? 0) >= end);
    if (done()) return;
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, this.stopping.signal]);
    for await (const { records } of this.log.follow({ topics: [callsTopic], from: new Map(reading.positions), signal, batch: page })) {
      const first = records[0];
      if (first) {
        const partition = partitionKey(first.position.topic, first.position.partition);
        // What came after the live projection's position is left for the next reading.
        const wanted = records.filter((record) => record.position.offset < (ends.get(partition) ?? 0));
        await this.fold(
          wanted.flatMap((record) => {
            try {
              return [decode(record)];
            } catch {
              // A dead letter, then as now.
              return [];
            }
          }),
          reading,
        );
        if (wanted.length > 0) reading.positions.set(partition, wanted.at(-1)!.position.offset + 1);
      }
      if (done()) break;
    }
    this.stopping.signal.throwIfAborted();
    enough.abort();
  }

  private async fold(events: readonly StoredEvent[], reading: Reading): Promise<void> {
    if (events.length === 0) return;
    await inTransaction(this.dataSource, (tx) => foldCalls(tx, 'calls_rebuilt', events), { repeatable: true });
    reading.events += events.length;
  }

  /** Hashes both tables in one snapshot in which they stand at the same position. */
  private async compare(reading: Reading): Promise<{ live: string; rebuilt: string; calls: number }> {
    const snapshot = this.dataSource.createQueryRunner();
    try {
      await this.whileLedgerStands(async (tx) => {
        await this.readTo(await this.reached(tx), reading);
        await snapshot.startTransaction('REPEATABLE READ');
        // The first statement is what takes the snapshot.
        await snapshot.query('select 1');
      });
      const live = await hashOf(snapshot, 'calls');
      const rebuilt = await hashOf(snapshot, 'calls_rebuilt');
      await snapshot.commitTransaction();
      return { live: live.hash, rebuilt: rebuilt.hash, calls: rebuilt.calls };
    } finally {
      if (snapshot.isTransactionActive && !snapshot.isReleased) await snapshot.rollbackTransaction().catch(() => undefined);
      await snapshot.release();
    }
  }

  /** Readers of the old tables are waited for, but not for long: behind us the ledger and new readers wait. */
  private async swap(reading: Reading): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.whileLedgerStands(async (tx) => {
          await this.readTo(await this.reached(tx), reading);
          await tx.query(`set local lock_timeout = '3s'`);
          await tx.query('drop table calls, anomalies cascade');
          await tx.query('alter table calls_rebuilt rename to calls');
          await tx.query('alter table anomalies_rebuilt rename to anomalies');
        });
      } catch (error) {
        if (attempt >= 5 || !isPassing(error)) throw error;
        await sleep(500 * attempt, undefined, { signal: this.stopping.signal });
      }
    }
  }

  /** Runs something while no batch of the ledger can be committed: each of them holds the row of its group. */
  private async whileLedgerStands(work: (tx: Tx) => Promise<void>): Promise<void> {
    await inTransaction(
      this.dataSource,
      async (tx) => {
        await tx.query('select 1 from consumers where group_name = $1 for update', [ledgerGroup]);
        await work(tx);
      },
      { attempts: 1 },
    );
  }

  private async finish(id: string, state: Rebuild['state'], reading: Reading, result: { calls?: number; live?: string; rebuilt?: string; problem?: string }): Promise<void> {
    await this.dataSource.manager.query(
      `update rebuilds set state = $2, finished = clock_timestamp(), events = $3, calls = $4, equal = $5, live_hash = $6, rebuilt_hash = $7, problem = $8 where id = $1`,
      [
        id,
        state,
        reading.events,
        result.calls ?? 0,
        result.live === undefined ? null : result.live === result.rebuilt,
        result.live ?? null,
        result.rebuilt ?? null,
        result.problem ?? null,
      ],
    );
  }
}

/** SHA-256 over the canonical export of a table, a line a call, oldest first. */
export async function hashOf(tx: Tx, table: CallTable): Promise<{ hash: string; calls: number }> {
  const hash = createHash('sha256');
  let calls = 0;
  for await (const row of allCalls(tx, table, page)) {
    hash.update(`${canonicalise(toSummary(row))}\n`);
    calls += 1;
  }
  return { hash: hash.digest('hex'), calls };
}

interface RebuildRow {
  readonly state: Rebuild['state'];
  readonly source: Source;
  readonly started: Date;
  readonly finished: Date | null;
  readonly events: string;
  readonly calls: string;
  readonly equal: boolean | null;
  readonly live_hash: string | null;
  readonly rebuilt_hash: string | null;
  readonly problem: string | null;
}

export async function lastRebuild(tx: Tx): Promise<Rebuild | null> {
  const [row] = await rowsOf<RebuildRow>(tx, 'select * from rebuilds order by id desc limit 1');
  if (!row) return null;
  const { state, source, started, finished, events, calls, equal, live_hash, rebuilt_hash, problem } = row;
  return {
    state,
    source,
    started: started.toISOString(),
    finished: finished?.toISOString() ?? null,
    events: Number(events),
    calls: Number(calls),
    equal,
    live_hash,
    rebuilt_hash,
    problem,
  };
}
