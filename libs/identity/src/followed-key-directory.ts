import type { ApiKey } from '@customhouse/events/registry/events';
import { hashKey, keyIdOf, sameHash } from './api-key.js';
import type { KeyDirectory, KeyVerdict } from './key-directory.js';

interface Entry {
  readonly key: ApiKey;
  /** Unix milliseconds; infinite for a key without an expiry. */
  readonly expires: number;
}

/**
 * The key directory of a process that follows `customhouse.state.directory`. The follower calls `apply` for every record and
 * `markReady` once it has been at the topic's end; until then nobody is authenticated, because a revocation may still be ahead.
 *
 * A lookup costs about a microsecond, so presented secrets are not kept in a cache, where a heap dump would show them.
 */
export class FollowedKeyDirectory implements KeyDirectory {
  private readonly entries = new Map<string, Entry>();
  private read = false;

  get ready(): boolean {
    return this.read;
  }

  /** Number of keys known, revoked and expired ones included. */
  get size(): number {
    return this.entries.size;
  }

  /** One record of the state topic: key `key/<id>`, null when the key was removed. Records under other keys are not ours. */
  apply(stateKey: string, value: ApiKey | null): void {
    if (!stateKey.startsWith('key/')) return;
    const id = stateKey.slice('key/'.length);
    if (value === null) this.entries.delete(id);
    else this.entries.set(id, { key: value, expires: value.expires === null ? Infinity : Date.parse(value.expires) });
  }

  markReady(): void {
    this.read = true;
  }

  authenticate(presented: string, now: number): KeyVerdict {
    const id = keyIdOf(presented);
    if (id === undefined) return { ok: false, problem: 'malformed' };
    const entry = this.read ? this.entries.get(id) : undefined;
    // Whoever does not hold the secret learns nothing about the key, not even that it has expired.
    if (entry === undefined || !sameHash(hashKey(presented), entry.key.hash)) return { ok: false, problem: 'unknown' };
    if (entry.key.revoked) return { ok: false, problem: 'revoked' };
    // Written so that an expiry that cannot be read (NaN) has passed.
    if (!(now < entry.expires)) return { ok: false, problem: 'expired' };
    return { ok: true, key: entry.key };
  }

  /** Whether the key with this id may still act: for calls that were accepted under it and run later. */
  standing(id: string, now: number): 'valid' | 'unknown' | 'expired' | 'revoked' {
    const entry = this.read ? this.entries.get(id) : undefined;
    if (entry === undefined) return 'unknown';
    if (entry.key.revoked) return 'revoked';
    return now < entry.expires ? 'valid' : 'expired';
  }
}
