import { Kafka, logLevel, type Consumer } from 'kafkajs';

/** An event as it is in the log, as far as scenarios look. */
export interface TailedEvent {
  readonly id: string;
  /** Without `customhouse.` and the version. */
  readonly type: string;
  readonly instance: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Follows topics of the log with a driver of its own, so that a test knows within milliseconds what happened, and waits for nothing else. */
export class LogTail {
  /** In the order in which they were read; each once. */
  readonly events: TailedEvent[] = [];
  private readonly seen = new Set<string>();
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly consumer: Consumer) {}

  static async follow(brokers: string[], topics: string[]): Promise<LogTail> {
    const kafka = new Kafka({ clientId: 'e2e-tail', brokers, logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: `e2e-tail-${process.pid}-${Math.random().toString(36).slice(2)}`, maxWaitTimeInMs: 50 });
    const tail = new LogTail(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => tail.take(message.value!.toString()) });
    return tail;
  }

  /** The first event that `wanted` accepts, past or to come. */
  async until(what: string, wanted: (event: TailedEvent) => boolean, timeout_ms = 60_000): Promise<TailedEvent> {
    const late = Date.now() + timeout_ms;
    for (;;) {
      const found = this.events.find(wanted);
      if (found) return found;
      const left = late - Date.now();
      if (left <= 0) throw new Error(`not in the log within ${timeout_ms} ms: ${what}; last were ${this.events.slice(-8).map(({ type }) => type)}`);
      await this.next(left);
    }
  }

  async close(): Promise<void> {
    await this.consumer.disconnect();
  }

  private take(value: string): void {
    const { id, type, instance, data } = JSON.parse(value) as TailedEvent;
    if (this.seen.has(id)) return;
    this.seen.add(id);
    this.events.push({ id, type: type.replace(/^customhouse\./, '').replace(/\.v\d+$/, ''), instance, data });
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  private next(timeout_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout_ms);
      this.waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
