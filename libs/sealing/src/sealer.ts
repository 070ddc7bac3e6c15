import type { Sealed } from '@customhouse/events/envelope';

/** Seals payloads for a data subject and opens them again. Implemented over node:crypto in node-sealer.ts. */
export interface Sealer {
  /** Stable pseudonym of a person: HMAC-SHA-256 under a key of its own, base64url. */
  subjectOf(tenant: string, person: string): string;
  /**
   * The subject's data key, ready for `seal`. Creates, publishes (awaiting durability) and caches one when the subject has
   * none or its age has passed the limit, so it is asynchronous only then. Rejects when the key cannot be recorded (the sink's
   * error), and with KeyForeign when the subject's key belongs to another key-encryption key.
   */
  keyFor(subject: string): DataKey | Promise<DataKey>;
  /**
   * AES-256-GCM under a data key with a random nonce; `plaintext` is canonical JSON. Synchronous: it is on the hot path. It also
   * works when the subject was erased since `keyFor`: the outcome of a call under way is recorded, and nobody can read it.
   */
  seal(key: DataKey, plaintext: string): Sealed;
  /** Rejects with KeyDestroyed when the subject was erased, SealBroken when the bytes do not authenticate, KeyForeign as above. */
  open(sealed: Sealed): Promise<string>;
  /** HMAC-SHA-256 under the installation's digest key, base64url. */
  digest(text: string): string;
}

/** A key in use. The secret part is not visible here, nor to JSON.stringify or console.log. */
export interface DataKey {
  readonly id: string;
  readonly subject: string;
}

/** The data key does not exist (any more): its subject was erased. */
export class KeyDestroyed extends Error {
  override readonly name = 'KeyDestroyed';
}

/** The bytes are not what was sealed, or were sealed otherwise than they claim. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** The data key was wrapped by another key-encryption key than this process has: most likely a wrong key file. */
export class KeyForeign extends Error {
  override readonly name = 'KeyForeign';
}
