import { randomBytes } from 'node:crypto';
import { ulid } from '@customhouse/kernel/ulid';

/** A ULID of now. */
export function newUlid(): string {
  return ulid(Date.now(), randomBytes(10));
}
