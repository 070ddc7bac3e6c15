import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type PostgresOptions } from './connection.js';

/**
 * Who appended to which topic: by NOTIFY from other processes, by word of mouth from this one. A hint only: followers look
 * by themselves every `poll_ms`, so a lost notification costs time and nothing else.
 */
export class Announcements {
  private readonly counts = new Map<string, number>();
  private readonly foreign = new Map<string, number>();
  private readonly waiting = new Set<{ readonly topics: readonly string[]; wake(): void }>();
  private readonly stop = new AbortController();
  private connection: Connection | undefined;
  private running: Promise<void> | undefined;
  /** The backend that appends for this process: its notifications are old news here. */
  ownBackend: number | undefined;

  constructor(private readonly options: PostgresOptions) {}

  /** Begins to listen when the first follower needs it. */
  start(): void {
    this.running ??= this.run();
  }

  /** Says that this process appended to a topic. */
  announce(topic: string): void {
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    for (const waiter of this.waiting) if (waiter.topics.includes(topic)) waiter.wake();
  }

  /** A number that grows with every announcement for these topics. Taken before a look, and given to `changed` after it. */
  mark(topics: readonly string[]): number {
    return sumOf(this.counts, topics);
  }

  /** The same for announcements of other processes only. */
  foreignMark(topics: readonly string[]): number {
    return sumOf(this.foreign, topics);
  }

  /** Resolves when something was announced since `mark`, when the time is up, or when the signal aborts. */
  async changed(topics: readonly string[], mark: number, timeout_ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.mark(topics) !== mark) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiting.delete(waiter);
        resolve();
      };
      const waiter = { topics, wake };
      const timer = setTimeout(wake, timeout_ms);
      signal.addEventListener('abort', wake, { once: true });
      this.waiting.add(waiter);
    });
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.connection?.cut();
    await this.running;
  }

  private async run(): Promise<void> {
    let pause = 100;
    while (!this.stop.signal.aborted) {
      try {
        await this.listen();
        pause = 100;
      } catch (error) {
        if (this.stop.signal.aborted) return;
        this.options.onProblem?.('cannot listen for new records in the database; followers poll until it works again', error);
      }
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: this.stop.signal }).catch(() => undefined);
      pause = Math.min(pause * 2, 5000);
    }
  }

  /** Returns when the connection ends. */
  private async listen(): Promise<void> {
    const connection = await Connection.open(this.options, 'customhouse-log-listen');
    this.connection = connection;
    if (this.stop.signal.aborted) return connection.cut();
    const ended = new Promise<void>((resolve) => connection.client.once('end', () => resolve()));
    connection.client.on('notification', (message) => {
      if (message.processId === this.ownBackend) return;
      for (const topic of (message.payload ?? '').split(',')) {
        if (topic === '') continue;
        this.foreign.set(topic, (this.foreign.get(topic) ?? 0) + 1);
        this.announce(topic);
      }
    });
    await connection.client.query('listen customhouse_log');
    await ended;
  }
}

function sumOf(counts: ReadonlyMap<string, number>, topics: readonly string[]): number {
  let sum = 0;
  for (const topic of topics) sum += counts.get(topic) ?? 0;
  return sum;
}
