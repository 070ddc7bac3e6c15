import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { rowsOf } from '@customhouse/event-store/sql';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { startOfWeek, weekOf } from './history-parts.js';

const portion = 5_000;
const pause_ms = 3_600_000;

/** Forgets decisions that are older than the history is to be, a portion at a time. The log and the ledger keep them. */
@Injectable()
export class HistoryKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private forgetting: Promise<void> | undefined;

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.forgetting = this.look();
    this.timer = setInterval(() => void (this.forgetting = this.look()), pause_ms).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.forgetting;
  }

  /** Answers how many calls were forgotten. `now`: Unix milliseconds. */
  async forget(now: number): Promise<number> {
    const oldest = weekOf(now - this.settings.history_days * 86_400_000);
    const calls = await this.forgetIn('history', startOfWeek(oldest));
    await this.forgetIn('history_marks', startOfWeek(oldest));
    // A call that comes this late is not taken in any more, so nothing refers to these.
    if (!this.stopped) await this.dataSource.query('delete from history_parts where week < $1', [oldest]);
    return calls;
  }

  /** Answers how many rows are gone. */
  private async forgetIn(table: 'history' | 'history_marks', before: number): Promise<number> {
    const sql = `delete from ${table} where ctid = any(array(select ctid from ${table} where time < $1 limit $2)) returning 1`;
    let rows = 0;
    for (let gone = portion; gone === portion && !this.stopped; rows += gone) gone = (await rowsOf(this.dataSource, sql, [before, portion])).length;
    return rows;
  }

  private async look(): Promise<void> {
    try {
      const calls = await this.forget(Date.now());
      if (calls > 0) this.logger.info({ calls }, 'old decisions were forgotten');
    } catch (error) {
      this.logger.error({ error }, 'old decisions cannot be forgotten; trying again within an hour');
    }
  }
}
