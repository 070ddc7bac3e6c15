const parts = 60;

/** Counts what happened within a time that moves: in sixty parts, so that it may count up to one part too long, and never too short. */
export class Window {
  readonly #counts: Map<number, number>;
  readonly #part_ms: number;

  /** `counts`: what `counts` gave out before. */
  constructor(
    readonly length_ms: number,
    counts: Iterable<readonly [number, number]> = [],
  ) {
    this.#part_ms = length_ms / parts;
    this.#counts = new Map(counts);
  }

  /** By number of the part, to be kept as JSON. */
  get counts(): readonly (readonly [number, number])[] {
    return [...this.#counts];
  }

  /** `time`: Unix milliseconds. */
  add(time: number): void {
    const part = Math.floor(time / this.#part_ms);
    this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
    if (this.#counts.size > 2 * parts) this.#forget(time);
  }

  count(now: number): number {
    this.#forget(now);
    let count = 0;
    for (const one of this.#counts.values()) count += one;
    return count;
  }

  #forget(now: number): void {
    const first = Math.floor((now - this.length_ms) / this.#part_ms);
    for (const part of this.#counts.keys()) if (part < first) this.#counts.delete(part);
  }
}
