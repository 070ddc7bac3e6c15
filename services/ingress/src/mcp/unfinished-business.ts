import type { NewEvent } from '@customhouse/event-log/sink';
import type { OutcomeSink } from './record.js';

/** Told when something could not be recorded yet. */
export type OnProblem = (problem: string, error: unknown) => void;

/**
 * Ends of calls that the log would not take in time. They are tried again, in order, until they are stored; each keeps its id, so
 * that one that was stored after all is dropped as a duplicate by whoever reads. While too many wait, no new call is made.
 */
export class UnfinishedBusiness {
  readonly #events: NewEvent[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(
    private readonly sink: Pick<OutcomeSink, 'appendOrSpool'>,
    private readonly limit: number,
    private readonly onProblem: OnProblem,
    private readonly pause_ms = 500,
  ) {}

  get size(): number {
    return this.#events.length;
  }

  get full(): boolean {
    return this.#events.length >= this.limit;
  }

  add(event: NewEvent): void {
    this.#events.push(event);
    this.#running ??= this.#work().finally(() => (this.#running = undefined));
  }

  /** Tries for so long to write the rest. What is left is for the audit to notice: it ends calls whose writer is gone. */
  async close(timeout_ms: number): Promise<void> {
    const timer = setTimeout(() => this.#stop(), timeout_ms);
    await this.#running;
    clearTimeout(timer);
    if (this.#events.length > 0) this.onProblem(`${this.#events.length} ends of calls could not be recorded before the process ended; the audit will end those calls`, undefined);
  }

  #stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async #work(): Promise<void> {
    while (this.#events.length > 0 && !this.#stopped) {
      try {
        await this.sink.appendOrSpool(this.#events[0]!);
        this.#events.shift();
      } catch (error) {
        this.onProblem('the end of a call is not in the log yet; trying again', error);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          setTimeout(resolve, this.pause_ms).unref();
        });
      }
    }
  }
}
