import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of the host. Services register theirs on `registry` (token METRICS), with names that begin with `customhouse_<service>_`. */
export class HostMetrics {
  readonly registry = new Registry();
  private readonly registers = [this.registry];

  readonly consumed = new Counter({
    name: 'customhouse_consumer_events_total',
    help: 'Events that a consumer group has processed.',
    labelNames: ['group'],
    registers: this.registers,
  });
  readonly batch_seconds = new Histogram({
    name: 'customhouse_consumer_batch_seconds',
    help: 'Time that one batch took to process and commit.',
    labelNames: ['group'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: this.registers,
  });
  readonly deadLetters = new Counter({
    name: 'customhouse_dead_letters_total',
    help: 'Records that a consumer group could not process and put aside.',
    labelNames: ['group', 'topic'],
    registers: this.registers,
  });
  readonly consumerFailures = new Counter({
    name: 'customhouse_consumer_failures_total',
    help: 'Times that a consumer group stopped getting on.',
    labelNames: ['group'],
    registers: this.registers,
  });
  readonly shipped = new Counter({ name: 'customhouse_outbox_shipped_total', help: 'Outbox rows that reached the log.', labelNames: ['service'], registers: this.registers });
  readonly requests = new Histogram({
    name: 'customhouse_api_request_seconds',
    help: 'Time to answer a request of the control API.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5],
    registers: this.registers,
  });
  private readonly lag = new Gauge({
    name: 'customhouse_consumer_lag_records',
    help: 'Records that a consumer group has not processed yet.',
    labelNames: ['group', 'topic'],
    registers: this.registers,
  });
  private readonly following = new Gauge({
    name: 'customhouse_consumer_following',
    help: '1 while this process leads the consumer group and gets on. A group that has nothing to follow for, as policy.shadow while no version runs there, rests at 0.',
    labelNames: ['group'],
    registers: this.registers,
  });

  private readonly measurements: (() => Promise<void>)[] = [];

  constructor(instance: string) {
    this.registry.setDefaultLabels({ instance });
    collectDefaultMetrics({ register: this.registry, prefix: 'customhouse_' });
  }

  /** Something that is measured when somebody asks, not before. What fails keeps its last value. */
  onScrape(measure: () => Promise<void>): void {
    this.measurements.push(measure);
  }

  async text(): Promise<string> {
    await Promise.allSettled(this.measurements.map((measure) => measure()));
    return this.registry.metrics();
  }

  setFollowing(group: string, following: boolean): void {
    this.following.set({ group }, following ? 1 : 0);
  }

  setLag(group: string, topic: string, records: number): void {
    this.lag.set({ group, topic }, records);
  }
}
