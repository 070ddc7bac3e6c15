import { setTimeout as sleep } from 'node:timers/promises';
import { withoutCredentials } from './logger.js';

/** Throws, or rejects, with the reason when the thing is not ready. */
export type HealthCheck = () => void | Promise<void>;

export interface Readiness {
  readonly ready: boolean;
  /** By name: `ok`, or why not. */
  readonly checks: Readonly<Record<string, { readonly status: 'ok' | 'failed'; readonly detail?: string }>>;
}

/** The named checks behind `/health/ready`. A check that does not answer in time has failed. */
export class Health {
  private readonly checks = new Map<string, HealthCheck>();
  private stopping = false;
  private latest: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;

  /** `keep_ms`: an answer is given again for this long, so that whoever asks often costs the database nothing. */
  constructor(
    private readonly timeout_ms = 2_000,
    private readonly keep_ms = 200,
  ) {}

  /** Names are kebab-case, with the service first: `audit-database`. Throws for a name that is taken. */
  add(name: string, check: HealthCheck): void {
    if (this.checks.has(name)) throw new Error(`there is a health check ${name} already`);
    this.checks.set(name, check);
  }

  /** From now on not ready, so that whoever balances load sends nothing more. */
  startStopping(): void {
    this.stopping = true;
    this.latest = undefined;
  }

  readiness(): Promise<Readiness> {
    const now = performance.now();
    if (!this.latest || now - this.latest.at > this.keep_ms) this.latest = { at: now, answer: this.look() };
    return this.latest.answer;
  }

  private async look(): Promise<Readiness> {
    const answers = await Promise.all([...this.checks].map(async ([name, check]) => [name, await this.answer(check)] as const));
    if (this.stopping) answers.push(['shutdown', { status: 'failed', detail: 'the process is stopping' }]);
    return { ready: answers.every(([, answer]) => answer.status === 'ok'), checks: Object.fromEntries(answers) };
  }

  private async answer(check: HealthCheck): Promise<Readiness['checks'][string]> {
    const over = new AbortController();
    try {
      await Promise.race([
        Promise.resolve().then(check),
        sleep(this.timeout_ms, undefined, { signal: over.signal }).then(() => {
          throw new Error(`no answer within ${this.timeout_ms} ms`);
        }),
      ]);
      return { status: 'ok' };
    } catch (error) {
      return { status: 'failed', detail: withoutCredentials(error instanceof Error ? error.message : String(error)) };
    } finally {
      over.abort();
    }
  }
}
