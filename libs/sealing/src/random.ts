import { randomBytes } from 'node:crypto';
import { ulid } from '@customhouse/kernel/ulid';

const poolSize = 8192;
let pool = randomBytes(poolSize);
let used = 0;

/** Random bytes for ids and nonces, out of a pool, because asking the kernel for a few at a time costs more than using them. Not for keys. */
export function randomFromPool(count: number): Buffer {
  if (used + count > poolSize) {
    // A new pool and not a refilled one: views of the old one stay as they are.
    pool = randomBytes(poolSize);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

let lastTime = -1;
let lastRandom: Buffer = Buffer.alloc(10);

/** A new ULID of the present. Those of one process and millisecond ascend; a clock that is set back is not made up for, since nothing is ordered by it. */
export function newUlid(now: number = Date.now()): string {
  if (now !== lastTime || !increment(lastRandom)) lastRandom = randomFromPool(10);
  lastTime = now;
  return ulid(now, lastRandom);
}

/** Adds one to a big-endian number in place. False when it was the greatest. */
function increment(bytes: Buffer): boolean {
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    bytes[index] = (bytes[index]! + 1) & 255;
    if (bytes[index] !== 0) return true;
  }
  return false;
}
