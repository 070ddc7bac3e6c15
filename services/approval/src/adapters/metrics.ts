import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { METRICS } from '@customhouse/nest/tokens';
import type { Acted } from './requests.js';

const decisions = {
  'approval.request.granted': 'granted',
  'approval.request.denied': 'denied',
  'approval.request.expired': 'expired',
  'approval.request.cancelled': 'cancelled',
} as const;

/** What an operator watches: how many wait, for how long, and how they end. */
@Injectable()
export class RequestMetrics {
  private readonly openedTotal: Counter;
  private readonly decided: Histogram;
  private readonly named: Counter;
  private readonly waiting: Gauge;
  private readonly oldest: Gauge;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.openedTotal = new Counter({ name: 'customhouse_approval_requests_opened_total', help: 'Approval requests opened.', registers });
    this.decided = new Histogram({
      name: 'customhouse_approval_decision_seconds',
      help: 'From the opening of an approval request to its decision.',
      labelNames: ['decision'],
      buckets: [5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800],
      registers,
    });
    this.named = new Counter({
      name: 'customhouse_approval_dispatchers_named_total',
      help: 'Processes told to end a held call; a repeated one replaces a process that has ended.',
      labelNames: ['attempt'],
      registers,
    });
    this.waiting = new Gauge({ name: 'customhouse_approval_requests', help: 'Approval requests by status, without those that are closed.', labelNames: ['status'], registers });
    this.oldest = new Gauge({
      name: 'customhouse_approval_oldest_age_seconds',
      help: 'Age of the oldest request by status, without those that are closed.',
      labelNames: ['status'],
      registers,
    });
  }

  opened(): void {
    this.openedTotal.inc();
  }

  /** Counts what came of a command, after its commit. */
  acted({ events, now, opened }: Acted): void {
    for (const event of events) {
      if (event.type in decisions) this.decided.observe({ decision: decisions[event.type as keyof typeof decisions] }, Math.max(0, now - opened) / 1_000);
      else if (event.type === 'approval.dispatcher.named') this.named.inc({ attempt: event.data.attempt === 1 ? 'first' : 'repeated' });
    }
  }

  /** How many wait now, and since when. */
  measured(rows: readonly { readonly status: string; readonly count: number; readonly age_s: number }[]): void {
    this.waiting.reset();
    this.oldest.reset();
    for (const row of rows) {
      this.waiting.set({ status: row.status }, row.count);
      this.oldest.set({ status: row.status }, row.age_s);
    }
  }
}
