import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { sealingKeyPublished } from '@customhouse/events/sealing/events';
import type { EventData } from '@customhouse/events/catalogue';
import { createHmacOf } from './hmac.js';
import { randomFromPool } from './random.js';
import { KeyForeign, SealBroken } from './sealer.js';

/** A wrapped data key as the log has it. */
export type WrappedKey = EventData<typeof sealingKeyPublished>;

export const cipher = 'aes-256-gcm';
export const nonceBytes = 12;
export const tagBytes = 16;

/** The root of all sealing. Each use has a key of its own, derived by HKDF-SHA-256, so that none tells anything about another. */
export class KeyEncryptionKey {
  /** Names the key without disclosing anything of it. */
  readonly id: string;
  readonly digest: (text: string) => string;
  readonly pseudonym: (text: string) => string;
  readonly #wrapping: KeyObject;

  /** `secret`: 32 random bytes. */
  constructor(secret: Uint8Array) {
    if (secret.length !== 32) throw new RangeError('a key-encryption key has 32 bytes');
    const derive = (use: string, bytes = 32) => Buffer.from(hkdfSync('sha256', secret, '', `customhouse/${use}/v1`, bytes));
    this.id = derive('kek-id', 9).toString('base64url');
    this.digest = createHmacOf(derive('digest'));
    this.pseudonym = createHmacOf(derive('subject'));
    this.#wrapping = createSecretKey(derive('wrap'));
  }

  /** The data key encrypted, and bound to its id and subject. */
  wrap(key: Uint8Array, id: string, subject: string): string {
    const nonce = randomFromPool(nonceBytes);
    const wrapping = createCipheriv(cipher, this.#wrapping, nonce);
    wrapping.setAAD(Buffer.from(`${subject}/${id}`));
    return Buffer.concat([nonce, wrapping.update(key), wrapping.final(), wrapping.getAuthTag()]).toString('base64url');
  }

  /** Throws KeyForeign, or SealBroken when it was changed or moved to another subject. */
  unwrap(key: WrappedKey): KeyObject {
    if (key.kek !== this.id)
      throw new KeyForeign(`the data key ${key.id} was wrapped by the key-encryption key ${key.kek}, and this process has ${this.id}: check CUSTOMHOUSE_SEALING_KEY_FILE`);
    const bytes = Buffer.from(key.wrapped, 'base64url');
    if (bytes.length !== nonceBytes + 32 + tagBytes) throw new SealBroken(`the data key ${key.id} was damaged in the log`);
    try {
      const unwrapping = createDecipheriv(cipher, this.#wrapping, bytes.subarray(0, nonceBytes));
      unwrapping.setAAD(Buffer.from(`${key.subject}/${key.id}`));
      unwrapping.setAuthTag(bytes.subarray(-tagBytes));
      return createSecretKey(Buffer.concat([unwrapping.update(bytes.subarray(nonceBytes, -tagBytes)), unwrapping.final()]));
    } catch {
      // The cause says no more than that it does not authenticate.
      throw new SealBroken(`the data key ${key.id} does not authenticate: it was changed in the log`);
    }
  }
}
