import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { backoff } from './failures.js';

export interface WakerOptions {
  readonly url: string;
  readonly channel: string;
  /** Which notifications matter. */
  readonly wants: (payload: string) => boolean;
}

/**
 * Waits for a notification of PostgreSQL, with a time limit, on a connection of its own that it makes again when it breaks.
 * Notifications are a hint to look sooner: whoever waits must look anyway when the time is over.
 */
export class Waker {
  private readonly closing = new AbortController();
  private wake: (() => void) | undefined;
  /** Something came while nobody waited. */
  private pending = false;
  private client: pg.Client | undefined;
  private started = false;

  constructor(private readonly options: WakerOptions) {}

  /** Resolves at the next notification, after `timeout_ms`, or at once when one came since the last wait. Never rejects. */
  async wait(timeout_ms: number): Promise<void> {
    if (!this.started) {
      this.started = true;
      void this.listen();
    }
    if (!this.pending && !this.closing.signal.aborted) {
      const over = new AbortController();
      const woken = new Promise<void>((resolve) => (this.wake = resolve));
      await Promise.race([woken, sleep(timeout_ms, undefined, { signal: over.signal }).catch(() => undefined)]);
      over.abort();
      this.wake = undefined;
    }
    this.pending = false;
  }

  close(): void {
    this.closing.abort();
    this.poke();
    void this.client?.end().catch(() => undefined);
  }

  private poke(): void {
    this.pending = true;
    this.wake?.();
  }

  private async listen(): Promise<void> {
    for (let attempt = 1; !this.closing.signal.aborted; attempt += 1) {
      const connected = await this.listenOnce().catch(() => false);
      if (connected) attempt = 0;
      // Whatever was announced while nobody listened is found by looking.
      this.poke();
      await sleep(backoff(Math.max(attempt, 1), 100, 5_000), undefined, { signal: this.closing.signal }).catch(() => undefined);
    }
  }

  /** Listens until the connection ends. True when it had been made. */
  private async listenOnce(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.options.url, connectionTimeoutMillis: 5_000, keepAlive: true, application_name: `customhouse ${this.options.channel}` });
    this.client = client;
    const ended = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', (message) => {
      if (this.options.wants(message.payload ?? '')) this.poke();
    });
    try {
      await client.connect();
      await client.query(`listen ${this.options.channel}`);
      this.poke();
      if (!this.closing.signal.aborted) await ended;
    } finally {
      await client.end().catch(() => undefined);
    }
    return true;
  }
}
