import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { EventSink } from '@customhouse/event-log/sink';
import type { Sealed } from '@customhouse/events/envelope';
import { sealingKeyPublished } from '@customhouse/events/sealing/events';
import { timestamp, unixMilliseconds } from '@customhouse/kernel/time';
import { cipher, nonceBytes, tagBytes, type KeyEncryptionKey, type WrappedKey } from './key-encryption-key.js';
import { KeyRing, stateKeyOf } from './key-ring.js';
import { newUlid, randomFromPool } from './random.js';
import { KeyDestroyed, SealBroken, type DataKey, type Sealer } from './sealer.js';

export interface SealerOptions {
  readonly kek: KeyEncryptionKey;
  readonly sink: Pick<EventSink, 'append'>;
  /** Resolves when `apply` was given everything that the topic held when asked. Rejects when that cannot be known. */
  readonly catchUp: () => Promise<void>;
  /** A data key seals for this long. Default 30 days. */
  readonly rotation_ms?: number;
  /** A data key seals this often in one process: random nonces allow 2³² in all (NIST SP 800-38D). Default 2²⁸. */
  readonly max_seals?: number;
  /** Unwrapped keys kept in memory. Default 10,000. */
  readonly max_cached?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** A sealer that is told what `customhouse.state.keys` says: all of it before the first call, and then whatever comes. */
export interface FollowingSealer extends Sealer {
  /**
   * A state key `<subject>/<id>` and its data, or null for its destruction. Throws TypeError for what is no data key; the follower
   * decides what becomes of that.
   */
  apply(stateKey: string, data: unknown): void;
}

export function createSealer(options: SealerOptions): FollowingSealer {
  return new NodeSealer(options);
}

class HeldKey implements DataKey {
  seals = 0;
  readonly created: number;
  /** What every seal under this key is bound to. */
  readonly bound: Buffer;
  readonly #secret: KeyObject;

  constructor(
    readonly id: string,
    readonly subject: string,
    created: string,
    secret: KeyObject,
  ) {
    this.created = unixMilliseconds(created);
    this.bound = Buffer.from(id);
    this.#secret = secret;
  }

  encryption(nonce: Uint8Array) {
    return createCipheriv(cipher, this.#secret, nonce).setAAD(this.bound);
  }

  decryption(nonce: Uint8Array) {
    return createDecipheriv(cipher, this.#secret, nonce).setAAD(this.bound);
  }

  /** Hides what is of no use to a reader of logs. */
  toJSON(): DataKey {
    return { id: this.id, subject: this.subject };
  }
}

class NodeSealer implements FollowingSealer {
  readonly #kek: KeyEncryptionKey;
  readonly #ring = new KeyRing();
  readonly #options: SealerOptions;
  readonly #rotation: number;
  readonly #maxSeals: number;
  readonly #maxCached: number;
  readonly #now: () => number;
  /** Unwrapped keys by id, the least recently used first. */
  readonly #held = new Map<string, HeldKey>();
  /** Keys being published, by subject: callers that come meanwhile wait for the same one. */
  readonly #pending = new Map<string, Promise<DataKey>>();

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#kek = options.kek;
    this.#rotation = options.rotation_ms ?? 30 * 86_400_000;
    this.#maxSeals = options.max_seals ?? 2 ** 28;
    this.#maxCached = options.max_cached ?? 10_000;
    this.#now = options.now ?? Date.now;
  }

  seal(key: DataKey, plaintext: string): Sealed {
    if (!(key instanceof HeldKey)) throw new TypeError('a data key comes from keyFor');
    key.seals += 1;
    const nonce = randomFromPool(nonceBytes);
    const sealing = key.encryption(nonce);
    // GCM has no padding: `final` adds nothing, and computes the tag.
    const encrypted = sealing.update(plaintext, 'utf8');
    sealing.final();
    const data = Buffer.concat([nonce, encrypted, sealing.getAuthTag()], nonceBytes + encrypted.length + tagBytes).toString('base64url');
    // Members in canonical order, so that writing the event need not sort them.
    return { bytes: encrypted.length, data, digest: this.#kek.digest(plaintext), key: key.id };
  }

  async open(sealed: Sealed): Promise<string> {
    let key = this.#find(sealed.key);
    if (!key) {
      // Perhaps another process made it just now.
      await this.#options.catchUp();
      key = this.#find(sealed.key);
    }
    if (!key) throw new KeyDestroyed(`the data key ${sealed.key} does not exist: its subject was erased`);
    const plaintext = decrypt(key, sealed);
    if (this.#kek.digest(plaintext) !== sealed.digest) throw new SealBroken(`what was sealed under ${sealed.key} has another digest than it claims`);
    return plaintext;
  }

  keyFor(subject: string): DataKey | Promise<DataKey> {
    const latest = this.#ring.latest(subject);
    if (latest) {
      try {
        const key = this.#hold(latest);
        if (this.#now() - key.created < this.#rotation && key.seals < this.#maxSeals) return key;
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    let pending = this.#pending.get(subject);
    if (!pending) {
      pending = this.#create(subject).finally(() => this.#pending.delete(subject));
      this.#pending.set(subject, pending);
    }
    return pending;
  }

  subjectOf(tenant: string, person: string): string {
    return this.#kek.pseudonym(JSON.stringify([tenant, person]));
  }

  digest(text: string): string {
    return this.#kek.digest(text);
  }

  apply(stateKey: string, data: unknown): void {
    const destroyed = this.#ring.apply(stateKey, data);
    if (destroyed !== undefined) this.#held.delete(destroyed);
  }

  async #create(subject: string): Promise<DataKey> {
    const secret = randomBytes(32);
    const now = this.#now();
    const id = newUlid(now);
    const data: WrappedKey = { id, subject, kek: this.#kek.id, wrapped: this.#kek.wrap(secret, id, subject), created: timestamp(now) };
    await this.#options.sink.append({ declaration: sealingKeyPublished, subject: `key-${id}`, key: stateKeyOf(data), data });
    this.#ring.add(data);
    const key = new HeldKey(id, subject, data.created, createSecretKey(secret));
    this.#keep(key);
    return key;
  }

  /** The key of this id, unwrapped. Undefined when nobody knows it (yet). */
  #find(id: string): HeldKey | undefined {
    if (this.#ring.isDestroyed(id)) throw new KeyDestroyed(`the data key ${id} was destroyed: its subject was erased`);
    const wrapped = this.#ring.get(id);
    return wrapped && this.#hold(wrapped);
  }

  #hold(wrapped: WrappedKey): HeldKey {
    const known = this.#held.get(wrapped.id);
    const key = known ?? new HeldKey(wrapped.id, wrapped.subject, wrapped.created, this.#kek.unwrap(wrapped));
    if (known) this.#held.delete(known.id);
    this.#keep(key);
    return key;
  }

  #keep(key: HeldKey): void {
    this.#held.set(key.id, key);
    if (this.#held.size <= this.#maxCached) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined) this.#held.delete(oldest);
  }
}

function decrypt(key: HeldKey, sealed: Sealed): string {
  const bytes = Buffer.from(sealed.data, 'base64url');
  if (bytes.length !== nonceBytes + sealed.bytes + tagBytes) throw new SealBroken(`what was sealed under ${sealed.key} is not as long as it claims`);
  try {
    const opening = key.decryption(bytes.subarray(0, nonceBytes));
    opening.setAuthTag(bytes.subarray(-tagBytes));
    return opening.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + opening.final('utf8');
  } catch {
    throw new SealBroken(`what was sealed under ${sealed.key} does not authenticate: it was changed, or sealed under another key`);
  }
}
