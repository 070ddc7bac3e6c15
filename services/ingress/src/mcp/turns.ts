/** Work by name: one piece after the other under the same name, in the order it came. Names that nothing is done under cost nothing. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Names under which something is done or waits. */
  get size(): number {
    return this.#last.size;
  }

  /** Settles as the work does. A failure is its own, and not that of the next. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name);
    }
  }
}
