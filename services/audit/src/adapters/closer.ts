import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { callOutcomeLost } from '@customhouse/events/call/events';
import { partitionKey, type EventLog, type Positions } from '@customhouse/event-log/port';
import type { EventSink } from '@customhouse/event-log/sink';
import { loadPositions } from '@customhouse/event-store/lease';
import { rowsOf } from '@customhouse/event-store/sql';
import { ulid, ulidTime } from '@customhouse/kernel/ulid';
import type { Health } from '@customhouse/nest/health';
import { dataSourceOf, EVENT_LOG, EVENT_SINK, HEALTH, INSTANCE, LOGGER } from '@customhouse/nest/tokens';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import type { Responsible } from '../domain/call-record.js';
import { isGone } from '../domain/writers.js';
import { ledgerGroup, ledgerTopics } from './ledger.consumer.js';
import { AuditMetrics } from './metrics.js';
import { readClock, readWriters } from './writers-view.js';

/** A call that somebody has to end. */
interface OpenCall {
  readonly call: string;
  readonly session: string | null;
  readonly cause: string | null;
}

/** In one round. */
const most = 500;

/**
 * Ends calls whose process is gone: nobody else would. It first proves that the ledger has everything that the process ever wrote, by
 * waiting for the end that the log has now, so a call whose end is only still on its way is left alone.
 */
@Injectable()
export class Closer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private problem: string | undefined;

  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(EVENT_SINK) private readonly sink: EventSink,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(AuditMetrics) private readonly metrics: AuditMetrics,
    @Inject(INSTANCE) private readonly instance: string,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
  ) {
    health.add('audit-closer', () => {
      if (this.problem !== undefined) throw new Error(this.problem);
    });
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await sleep(this.settings.closer_ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      if (this.stopping.signal.aborted) return;
      try {
        await this.round();
        if (this.problem !== undefined) this.logger.info('calls of processes that are gone can be closed again');
        this.problem = undefined;
      } catch (error) {
        if (this.problem === undefined) this.logger.warn({ error }, 'calls of processes that are gone cannot be closed now; trying again');
        this.problem = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /** Answers the calls that it closed. */
  async round(): Promise<readonly string[]> {
    if (!(await this.leads()) || (await this.orphans()).length === 0) return [];
    if (!(await this.caughtUp(await this.log.ends(ledgerTopics)))) return [];
    const orphans = await this.orphans();
    for (const orphan of orphans) {
      if (this.stopping.signal.aborted) break;
      await this.close(orphan);
    }
    return orphans.map(({ call }) => call);
  }

  /** Of several audit services, the one that feeds the ledger closes: others would only add duplicates. */
  private async leads(): Promise<boolean> {
    const sql = 'select 1 from consumers where group_name = $1 and owner = $2 and lease_until > clock_timestamp()';
    return (await rowsOf(this.dataSource.manager, sql, [ledgerGroup, this.instance])).length > 0;
  }

  /** Calls whose process is gone, as far as the ledger knows now. */
  private async orphans(): Promise<OpenCall[]> {
    const { manager } = this.dataSource;
    const responsible = await rowsOf<Responsible>(
      manager,
      'select distinct responsible_instance as instance, responsible_epoch as epoch from calls where responsible_instance is not null',
    );
    if (responsible.length === 0) return [];
    const clock = await readClock(manager);
    const writers = await readWriters(
      manager,
      responsible.map(({ instance }) => instance),
    );
    const gone = responsible.filter((each) => isGone(each, writers.get(each.instance), clock, this.settings.writerSilence_ms));
    if (gone.length === 0) return [];
    const sql = `
      select call, session, coalesce(dispatch_event, intent_event) as cause from calls
      where (responsible_instance, responsible_epoch) in (select * from unnest($1::text[], $2::text[])) order by call limit $3`;
    return rowsOf<OpenCall>(manager, sql, [gone.map(({ instance }) => instance), gone.map(({ epoch }) => epoch), most]);
  }

  /** Waits until the ledger stands at these ends. False when it does not get there soon: the next round tries again. */
  private async caughtUp(ends: Positions): Promise<boolean> {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const positions = new Map((await loadPositions(this.dataSource.manager, ledgerGroup)).map((position) => [partitionKey(position.topic, position.partition), position.offset]));
      if ([...ends].every(([partition, end]) => end === 0 || (positions.get(partition) ?? 0) >= end)) return true;
      if (this.stopping.signal.aborted) return false;
      await sleep(100);
    }
    return false;
  }

  private async close({ call, session, cause }: OpenCall): Promise<void> {
    await this.sink.append({
      declaration: callOutcomeLost,
      // The same id whenever and by whomever this call is closed: of two, the second is dropped as a duplicate.
      id: closingId(call),
      subject: `call-${call}`,
      key: session ?? call,
      data: { call, reason: 'writer-gone' },
      cause: cause ?? undefined,
    });
    this.metrics.closed();
    this.logger.warn({ call }, 'a call was closed as lost: the process that had to end it is gone');
  }
}

/** A ULID of the call's time and of its id's hash. */
export function closingId(call: string): string {
  return ulid(ulidTime(call), createHash('sha256').update(`writer-gone/${call}`).digest());
}
