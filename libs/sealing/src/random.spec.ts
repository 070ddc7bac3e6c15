import { describe, expect, it } from '@jest/globals';
import { ulidTime } from '@customhouse/kernel/ulid';
import { newUlid, randomFromPool } from './random.js';

describe('random bytes from the pool', () => {
  it('are given out once: no two takes share a byte, over many pools', () => {
    const takes = Array.from({ length: 5000 }, () => randomFromPool(12));
    expect(new Set(takes.map((take) => take.toString('hex'))).size).toBe(5000);
  });

  it('stay what they were when the pool is renewed', () => {
    const first = randomFromPool(12);
    const before = first.toString('hex');
    for (let index = 0; index < 2000; index += 1) randomFromPool(12);
    expect(first.toString('hex')).toBe(before);
  });
});

describe('a new ULID', () => {
  it('is of the present', () => {
    expect(Math.abs(ulidTime(newUlid()) - Date.now())).toBeLessThan(1000);
  });

  it('is greater than the one before, within a millisecond too', () => {
    const ids = Array.from({ length: 3000 }, () => newUlid(1_795_352_400_000));
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(3000);
  });

  it('of another millisecond has other random bits', () => {
    expect(newUlid(1).slice(10, 20)).not.toBe(newUlid(2).slice(10, 20));
  });
});
