import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { METRICS } from '@customhouse/nest/tokens';
import type { Acted } from './requests.js';

export interface Waiting {
  readonly status: string;
  readonly count: number;
  readonly age_s: number;
}

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
  private readonly votes: Counter;
  private readonly urged: Counter;
  private readonly glass: Counter;
  private readonly reviews: Gauge;
  private readonly oldestReview: Gauge;
  private readonly notices: Counter;
  private readonly waitingNotices: Gauge;

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
    this.votes = new Counter({
      name: 'customhouse_approval_votes_total',
      help: 'Votes of people, by verdict and by where they were cast.',
      labelNames: ['verdict', 'via'],
      registers,
    });
    this.urged = new Counter({
      name: 'customhouse_approval_urged_total',
      help: 'Requests that people were reminded of, or that others were asked about as well.',
      labelNames: ['how'],
      registers,
    });
    this.glass = new Counter({ name: 'customhouse_approval_break_glass_total', help: 'Calls that one person let run alone.', registers });
    this.reviews = new Gauge({ name: 'customhouse_approval_reviews_due', help: 'Calls that one person let run alone and that nobody has reviewed.', registers });
    this.oldestReview = new Gauge({ name: 'customhouse_approval_reviews_oldest_age_seconds', help: 'Time since the oldest of them was decided; 0 without any.', registers });
    this.notices = new Counter({
      name: 'customhouse_approval_notices_total',
      help: 'Attempts to tell people something, by channel and result: delivered, again (to be tried again), failed (given up).',
      labelNames: ['channel', 'result'],
      registers,
    });
    this.waitingNotices = new Gauge({
      name: 'customhouse_approval_notices_waiting',
      help: 'What people have to be told and were not yet, by channel.',
      labelNames: ['channel'],
      registers,
    });
  }

  opened(): void {
    this.openedTotal.inc();
  }

  /** Counts what came of a command, after its commit. */
  acted({ state, events, now }: Acted): void {
    for (const event of events) {
      if (event.type in decisions) this.decided.observe({ decision: decisions[event.type as keyof typeof decisions] }, Math.max(0, now - state.opened_ms) / 1_000);
      else if (event.type === 'approval.dispatcher.named') this.named.inc({ attempt: event.data.attempt === 1 ? 'first' : 'repeated' });
      else if (event.type === 'approval.vote.cast') this.votes.inc({ verdict: event.data.verdict, via: event.data.via });
      else if (event.type === 'approval.request.reminded') this.urged.inc({ how: event.data.about === 'review' ? 'review-reminded' : 'reminded' });
      else if (event.type === 'approval.request.escalated') this.urged.inc({ how: 'escalated' });
      else if (event.type === 'approval.glass.broken') this.glass.inc();
    }
  }

  noticed(channel: string, result: 'delivered' | 'again' | 'failed'): void {
    this.notices.inc({ channel, result });
  }

  /** How many wait now, and since when. */
  measured(
    rows: readonly Waiting[],
    reviews: { readonly count: number; readonly age_s: number | null },
    notices: readonly { readonly channel: string; readonly count: number }[],
  ): void {
    this.waiting.reset();
    this.oldest.reset();
    for (const row of rows) {
      this.waiting.set({ status: row.status }, row.count);
      this.oldest.set({ status: row.status }, row.age_s);
    }
    this.reviews.set(reviews.count);
    this.oldestReview.set(reviews.age_s ?? 0);
    this.waitingNotices.reset();
    for (const { channel, count } of notices) this.waitingNotices.set({ channel }, count);
  }
}
