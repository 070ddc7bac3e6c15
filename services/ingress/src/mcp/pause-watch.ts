const tick_ms = 1_000;

/**
 * Notices that the process did not run for a while: it was stopped, or its machine slept. Others may have taken it for dead then, and
 * ended its calls. Asks for the time between two ticks, because after a pause nobody knows what runs first.
 */
export class PauseWatch {
  #lastTick: number;
  /** When the last pause was over. */
  #lastPause = -Infinity;
  readonly #timer: NodeJS.Timeout;

  /** `limit_ms`: shorter pauses do not count. Well under the time after which a silent process is taken for dead. */
  constructor(private readonly limit_ms = 4_000) {
    this.#lastTick = performance.now();
    this.#timer = setInterval(() => this.#look(performance.now()), tick_ms);
    this.#timer.unref();
  }

  /** Whether there was a pause after this moment (`performance.now()`). */
  pausedSince(moment: number): boolean {
    this.#look(performance.now());
    return this.#lastPause > moment;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(now: number): void {
    if (now - this.#lastTick > this.limit_ms) this.#lastPause = now;
    this.#lastTick = now;
  }
}
