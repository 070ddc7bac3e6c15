import { sealingKeyPublished } from '@customhouse/events/sealing/events';
import type { WrappedKey } from './key-encryption-key.js';

/**
 * All living data keys, still wrapped, as the state topic has them: about 300 bytes a key. Fed by whoever follows the topic; a key
 * of our own is added as soon as it is durable, and arrives once more.
 */
export class KeyRing {
  readonly #keys = new Map<string, WrappedKey>();
  readonly #subjects = new Map<string, readonly WrappedKey[]>();
  /** Ids whose destruction we have seen. They stay dead, in whatever order the news arrives. */
  readonly #destroyed = new Set<string>();

  /**
   * What the log says of a state key `<subject>/<id>`; null is its destruction, and answers the id. Throws TypeError for what is no
   * data key of that name.
   */
  apply(stateKey: string, data: unknown): string | undefined {
    if (data === null) return this.#forget(stateKey);
    const parsed = sealingKeyPublished.schema.safeParse(data);
    if (!parsed.success || stateKeyOf(parsed.data) !== stateKey)
      throw new TypeError(`the record ${JSON.stringify(stateKey)} of customhouse.state.keys holds no data key of that name`);
    this.add(parsed.data);
    return undefined;
  }

  add(key: WrappedKey): void {
    if (this.#destroyed.has(key.id) || this.#keys.has(key.id)) return;
    this.#keys.set(key.id, key);
    // Timestamps and ULIDs both sort as text.
    const keys = [...(this.#subjects.get(key.subject) ?? []), key].sort((a, b) => (a.created + a.id < b.created + b.id ? -1 : 1));
    this.#subjects.set(key.subject, keys);
  }

  #forget(stateKey: string): string {
    const slash = stateKey.lastIndexOf('/');
    const subject = stateKey.slice(0, slash);
    const id = stateKey.slice(slash + 1);
    this.#destroyed.add(id);
    this.#keys.delete(id);
    const left = (this.#subjects.get(subject) ?? []).filter((key) => key.id !== id);
    if (left.length > 0) this.#subjects.set(subject, left);
    else this.#subjects.delete(subject);
    return id;
  }

  get(id: string): WrappedKey | undefined {
    return this.#keys.get(id);
  }

  /** The youngest living key of a subject. */
  latest(subject: string): WrappedKey | undefined {
    return this.#subjects.get(subject)?.at(-1);
  }

  isDestroyed(id: string): boolean {
    return this.#destroyed.has(id);
  }

  get size(): number {
    return this.#keys.size;
  }
}

export function stateKeyOf(key: { readonly id: string; readonly subject: string }): string {
  return `${key.subject}/${key.id}`;
}
