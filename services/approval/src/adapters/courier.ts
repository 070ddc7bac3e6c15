import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { backoff } from '@customhouse/event-store/failures';
import { inTransaction } from '@customhouse/event-store/transaction';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import { RequestMetrics } from './metrics.js';
import { claimNotices, delayNotice, finishNotice, type ClaimedNotice } from './notices.js';
import { NotDelivered, NOTIFIERS, type Notifier } from './notifier.js';
import { findRequestById, toApproval } from './requests-view.js';

/** Delivered side by side for each channel. */
const most = 8;
const longestPause_ms = 300_000;
/** How much longer than an attempt its lease is: whoever held it has long given up when somebody else gets the notice. */
const spare_ms = 30_000;

/**
 * Tells people what waits to be told. Each channel has a loop of its own, so one that is slow or down keeps no other waiting, and none
 * of them any decision. Any number of replicas may run it: a notice is leased while it is being delivered.
 */
@Injectable()
export class Courier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<unknown> | undefined;

  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(NOTIFIERS) private readonly notifiers: readonly Notifier[],
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
    @Inject(RequestMetrics) private readonly metrics: RequestMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.running ??= Promise.all(this.notifiers.map((notifier) => this.run(notifier)));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(notifier: Notifier): Promise<void> {
    const { signal } = this.stopping;
    let failures = 0;
    while (!signal.aborted) {
      let pause_ms = this.settings.tick_ms;
      try {
        if (await this.round(notifier)) pause_ms = 0;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) this.logger.error({ error, channel: notifier.channel }, 'what people have to be told cannot be read; trying again');
        pause_ms = backoff(failures, this.settings.tick_ms, 5_000);
      }
      await sleep(pause_ms, undefined, { signal }).catch(() => undefined);
    }
  }

  /** True when there may be more to do at once. */
  private async round(notifier: Notifier): Promise<boolean> {
    const lease_ms = this.settings.noticeTimeout_ms + spare_ms;
    const claimed = await inTransaction(this.dataSource, (tx) => claimNotices(tx, notifier.channel, most, lease_ms));
    await Promise.all(claimed.map((notice) => this.tell(notifier, notice)));
    return claimed.length > 0;
  }

  private async tell(notifier: Notifier, { notice: id, approval, kind, about, groups, attempts }: ClaimedNotice): Promise<void> {
    const { manager } = this.dataSource;
    const { channel } = notifier;
    try {
      const row = await findRequestById(this.dataSource, approval);
      if (row === null) throw new NotDelivered('the request is gone', { again: false });
      const signal = AbortSignal.any([AbortSignal.timeout(this.settings.noticeTimeout_ms), this.stopping.signal]);
      await within(signal, notifier.deliver({ id, kind, about, tenant: row.tenant, approval: toApproval(row), groups }, signal));
      await finishNotice(manager, id, null);
      this.metrics.noticed(channel, 'delivered');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const again = !(error instanceof NotDelivered) || error.again;
      const level = this.stopping.signal.aborted ? 'debug' : 'warn';
      this.logger[level]({ error, channel, approval, attempts }, 'people could not be told about a request');
      if (again && attempts < this.settings.noticeAttempts_count) {
        const pause_ms = error instanceof NotDelivered && error.after_ms !== undefined ? error.after_ms : backoff(attempts, this.settings.noticeBackoff_ms, longestPause_ms);
        await delayNotice(manager, id, Math.min(pause_ms, 12 * longestPause_ms));
        this.metrics.noticed(channel, 'again');
      } else {
        await finishNotice(manager, id, message);
        this.metrics.noticed(channel, 'failed');
      }
    }
  }
}

/** Rejects when the signal fires, whether or not the work listens to it. */
async function within(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let stop: () => void = () => undefined;
  const over = new Promise<never>((_, reject) => {
    stop = () => reject(new NotDelivered('the attempt took too long', { again: true }));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, over]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
