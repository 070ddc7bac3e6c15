/**
 * Leaves a server alone that cannot be reached: after so many failures in a row, callers are refused at once for a while, then
 * one of them tries. Synchronous and by a monotonic clock, because every call asks it.
 */
export class Breaker {
  #failures = 0;
  /** When somebody may try again; undefined while closed. */
  #until: number | undefined;
  #trying = false;

  constructor(
    private readonly failures: number,
    private readonly reset_ms: number,
  ) {}

  /** Whether a call may try. Whoever is let through while the breaker is open must report how it went. */
  permits(now: number): boolean {
    if (this.#until === undefined) return true;
    if (this.#trying || now < this.#until) return false;
    this.#trying = true;
    return true;
  }

  get open(): boolean {
    return this.#until !== undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = undefined;
    this.#trying = false;
  }

  failed(now: number): void {
    this.#failures += 1;
    this.#trying = false;
    if (this.#failures >= this.failures) this.#until = now + this.reset_ms;
  }

  /** It ended without telling anything about the server: the caller cancelled. */
  undecided(): void {
    this.#trying = false;
  }
}
