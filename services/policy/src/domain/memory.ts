/** Values by key. When there are too many, the ones that were set longest ago are forgotten. */
export class Memory<Value> {
  readonly #values = new Map<string, Value>();
  #changed: Set<string> | undefined;

  /** `most`: values that are remembered. */
  constructor(private readonly most: number) {}

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    this.#changed?.add(key);
    if (this.#values.size > this.most) this.delete(this.#values.keys().next().value!);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#changed?.add(key);
  }

  /** From now on it is noted what changes. */
  watch(): void {
    this.#changed = new Set();
  }

  /** What was set, or (undefined) forgotten, since this was asked last. */
  changes(): readonly (readonly [string, Value | undefined])[] {
    const changed = [...(this.#changed ?? [])].map((key) => [key, this.#values.get(key)] as const);
    this.#changed?.clear();
    return changed;
  }
}
