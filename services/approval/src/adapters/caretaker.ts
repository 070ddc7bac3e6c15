import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { partitionKey, type EventLog } from '@customhouse/event-log/port';
import { backoff } from '@customhouse/event-store/failures';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { Health } from '@customhouse/nest/health';
import { dataSourceOf, EVENT_LOG, HEALTH, LOGGER } from '@customhouse/nest/tokens';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import { chooseDispatcher, hasEnded, type Hearing, type Writer } from '../domain/liveness.js';
import { RequestMetrics, type Waiting } from './metrics.js';
import { Requests } from './requests.js';
import { knownWriters } from './writers.js';

/** Requests looked after in one round, so that a round ends. The next begins at once when there are more. */
const most = 200;
/** How often what can wait is done. */
const housekeeping_ms = 10_000;
const forgetWritersAfter_days = 30;
const forgetNoticesAfter_days = 7;

interface NamedRow {
  readonly approval: string;
  readonly held_partition: number;
  readonly dispatcher: { readonly instance: string; readonly epoch: string; readonly attempt: number };
  readonly barrier: string | null;
}

/**
 * Looks after requests that nothing else touches: what has expired by the database's clock, decided calls that no process was
 * told to end, and processes that died before they did. Any number of replicas may run it: each request is locked while it
 * is looked at, and one that another replica is looking at is passed over.
 */
@Injectable()
export class Caretaker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly outbox = new Outbox();
  private running: Promise<void> | undefined;
  private trouble: string | undefined;
  private kept = -Infinity;

  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(Requests) private readonly requests: Requests,
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
    @Inject(RequestMetrics) private readonly metrics: RequestMetrics,
    @Inject(HEALTH) health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    health.add('approval-caretaker', () => {
      if (this.trouble !== undefined) throw new Error(this.trouble);
    });
  }

  onApplicationBootstrap(): void {
    this.running ??= this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      let pause_ms = this.settings.tick_ms;
      try {
        if (await this.round()) pause_ms = 0;
        if (failures > 0) this.logger.info('approval requests are looked after again');
        failures = 0;
        this.trouble = undefined;
      } catch (error) {
        failures += 1;
        this.trouble = error instanceof Error ? error.message : String(error);
        if (failures === 1) this.logger.error({ error }, 'approval requests cannot be looked after; trying again');
        pause_ms = backoff(failures, this.settings.tick_ms, 5_000);
      }
      await sleep(pause_ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** True when there is more to do at once. */
  private async round(): Promise<boolean> {
    const { writers, hearing } = await knownWriters(this.dataSource.manager, this.settings.silence_ms);
    await this.moveBarriers(writers, hearing);
    const due = await this.dueRequests();
    // Without a living process there is nobody to name.
    if (chooseDispatcher(writers, '', hearing) !== undefined) due.push(...(await this.unattendedRequests()));
    let moved = 0;
    let failure: unknown;
    for (const approval of due) {
      if (this.stopping.signal.aborted) return false;
      try {
        moved += await this.lookAfter(approval);
      } catch (error) {
        // One request that cannot be looked after must not keep the others from it.
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    if (performance.now() - this.kept > housekeeping_ms) await this.keepHouse();
    return moved > 0 && due.length >= most;
  }

  /** Expired, or with people to be asked again. */
  private async dueRequests(): Promise<string[]> {
    const expired = await this.approvalsWhere(`status in ('open', 'granted') and expires <= clock_timestamp()`, 'expires');
    const urged = await this.approvalsWhere('urge_at <= clock_timestamp()', 'urge_at');
    return [...new Set([...expired, ...urged])];
  }

  /** Decided and without a dispatcher, or with one that has ended. */
  private async unattendedRequests(): Promise<string[]> {
    return this.approvalsWhere(
      `status <> 'closed' and not dispatched and (barrier is not null or (dispatcher is null and status in ('granted', 'denied', 'expired', 'cancelled')))`,
      'expires',
    );
  }

  private async approvalsWhere(condition: string, order: 'expires' | 'urge_at'): Promise<string[]> {
    const rows = await rowsOf<{ approval: string }>(this.dataSource.manager, `select approval from requests where ${condition} order by ${order} limit $1`, [most]);
    return rows.map((row) => row.approval);
  }

  /** The number of events that came of it. */
  private async lookAfter(approval: string): Promise<number> {
    const acted = await inTransaction(
      this.dataSource,
      async (tx) => {
        const [free] = await rowsOf(tx, `select approval from requests where approval = $1 for update skip locked`, [approval]);
        if (free === undefined) return [];
        const expired = await this.requests.act(tx, approval, ({ now, evidence }) => ({ do: 'expire', evidence, now }));
        const urged = await this.requests.act(tx, approval, ({ now }) => ({ do: 'urge', most: this.settings.reminders_count, now }));
        return [expired, urged];
      },
      { repeatable: true },
    );
    for (const one of acted) this.metrics.acted(one);
    return acted.flatMap(({ events }) => events).length;
  }

  /**
   * A process that was told to end a call has ended itself. What it wrote before may be in the log and not be read yet, so nobody
   * else is told before the log was read up to where it ends now. A process that was only silent takes its barrier away again.
   */
  private async moveBarriers(writers: readonly Writer[], hearing: Hearing): Promise<void> {
    const sql = `select approval, held_partition, dispatcher, barrier from requests where status <> 'closed' and not dispatched and dispatcher is not null`;
    const named = await rowsOf<NamedRow>(this.dataSource.manager, sql);
    const ended = new Set(named.filter(({ dispatcher }) => hasEnded(dispatcher, writers, hearing)));
    const back = named.filter((row) => row.barrier !== null && !ended.has(row));
    for (const row of back) await this.setBarrier(row, null);
    const orphaned = [...ended].filter((row) => row.barrier === null);
    if (orphaned.length === 0) return;
    const ends = await this.log.ends(['customhouse.calls']);
    for (const row of orphaned) {
      const end = ends.get(partitionKey('customhouse.calls', row.held_partition));
      if (end === undefined) throw new Error(`the log does not say where partition ${row.held_partition} of customhouse.calls ends`);
      await this.setBarrier(row, end);
      this.logger.warn({ approval: row.approval, dispatcher: row.dispatcher.instance }, 'the process that was told to end a held call has ended; another one will be told');
    }
  }

  private async setBarrier({ approval, dispatcher }: NamedRow, barrier: number | null): Promise<void> {
    await this.dataSource.manager.query(`update requests set barrier = $2 where approval = $1 and (dispatcher->>'attempt')::int = $3`, [approval, barrier, dispatcher.attempt]);
  }

  private async keepHouse(): Promise<void> {
    await this.retire();
    await this.measure();
    this.kept = performance.now();
  }

  /** Takes ended requests out of the topic of states after their time, and forgets processes that nobody has heard of for long. */
  private async retire(): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const sql = `
        update requests set published = false where approval in (
          select approval from requests where published and status = 'closed' and closed < clock_timestamp() - $1 * interval '1 second'
          order by closed limit $2 for update skip locked)
        returning approval`;
      const retired = await rowsOf<{ approval: string }>(tx, sql, [this.settings.stateRetention_s, most]);
      if (retired.length > 0) {
        await this.outbox.remove(
          tx,
          'customhouse.state.approvals',
          retired.map((row) => row.approval),
        );
      }
      await tx.query(`delete from notices where done < clock_timestamp() - $1 * interval '1 day'`, [forgetNoticesAfter_days]);
      await tx.query(`delete from writers where heard < clock_timestamp() - $1 * interval '1 day'`, [forgetWritersAfter_days]);
    });
  }

  private async measure(): Promise<void> {
    const { manager } = this.dataSource;
    const waiting = await rowsOf<Waiting>(
      manager,
      `select status, count(*)::int as count, extract(epoch from clock_timestamp() - min(opened))::float8 as age_s from requests where status <> 'closed' group by status`,
    );
    const reviews = await oneRow<{ count: number; age_s: number | null }>(
      manager,
      `select count(*)::int as count, extract(epoch from clock_timestamp() - min(decided))::float8 as age_s from requests where glass is not null and glass->'review' = 'null'::jsonb`,
    );
    const notices = await rowsOf<{ channel: string; count: number }>(manager, 'select channel, count(*)::int as count from notices where done is null group by channel');
    this.metrics.measured(waiting, reviews, notices);
  }
}
