/** A map of bounded size: what has not been used for longest makes room. */
export class RecentMap<Key, Value> {
  /** JavaScript maps keep the order of insertion; an entry that is used is put back at the end. */
  private readonly entries = new Map<Key, Value>();

  /** `onForgotten` is told what had to make room. */
  constructor(
    private readonly limit: number,
    private readonly onForgotten?: (value: Value) => void,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.limit) return;
    const [oldest, forgotten] = this.entries.entries().next().value!;
    this.entries.delete(oldest);
    this.onForgotten?.(forgotten);
  }

  delete(key: Key): void {
    this.entries.delete(key);
  }
}
