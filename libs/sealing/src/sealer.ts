import type { Sealed } from '@customhouse/events/envelope';

/** Seals payloads for a data subject and opens them again. Implemented over node:crypto in this folder. */
export interface Sealer {
  /** Stable pseudonym of a person: HMAC-SHA-256 under the digest key, base64url. */
  subjectOf(tenant: string, person: string): string;
  /**
   * The subject's data key, ready for `seal`. Creates, publishes (awaiting durability) and caches one when the subject has
   * none, so it is asynchronous only the first time. Rejects when the key cannot be recorded.
   */
  keyFor(subject: string): DataKey | Promise<DataKey>;
  /** AES-256-GCM under a data key with a random nonce; `plaintext` is canonical JSON. Synchronous: it is on the hot path. */
  seal(key: DataKey, plaintext: string): Sealed;
  /** Throws KeyDestroyed when the subject was erased, and SealBroken when the bytes do not authenticate. */
  open(sealed: Sealed): Promise<string>;
  /** HMAC-SHA-256 under the installation's digest key, base64url. */
  digest(text: string): string;
}

export interface DataKey {
  readonly id: string;
  readonly subject: string;
}

export class KeyDestroyed extends Error {
  override readonly name = 'KeyDestroyed';
}

export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}
