import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new key. `presented` is shown to its owner once and kept nowhere; `hash` is what the directory holds. */
export interface GeneratedKey {
  readonly id: string;
  readonly presented: string;
  readonly hash: string;
}

const form = /^chk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/**
 * `chk_<id>_<secret>`: 16 hexadecimal digits that name the key in logs and events, and 256 random bits as base64url.
 * The prefix lets secret scanners find keys that were committed somewhere by mistake.
 */
export function generateKey(): GeneratedKey {
  const id = randomBytes(8).toString('hex');
  const presented = `chk_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, presented, hash: hashKey(presented) };
}

/** The id in a presented key; undefined when the text has not the form of a key. Says nothing about whether it is a valid one. */
export function keyIdOf(presented: string): string | undefined {
  return form.exec(presented)?.[1];
}

/**
 * SHA-256 (base64url) of the whole presented key. A fast hash is right here: the secret has 256 random bits, so there is
 * nothing to guess, and a slow one would be paid on every call.
 */
export function hashKey(presented: string): string {
  return hash('sha256', presented, 'base64url');
}

/** Compares two hashes in a time that does not depend on where they differ. */
export function sameHash(left: string, right: string): boolean {
  const a = Buffer.from(left, 'latin1');
  const b = Buffer.from(right, 'latin1');
  return a.length === b.length && timingSafeEqual(a, b);
}
