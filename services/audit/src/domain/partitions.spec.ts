import { describe, expect, it } from '@jest/globals';
import { ulid } from '@customhouse/kernel/ulid';
import { lowestId, rangesAround } from './partitions.js';

const now = Date.UTC(2026, 10, 22, 13);

describe('the ranges of time', () => {
  it('meet each other without a gap, from the one before to those ahead', () => {
    const ranges = rangesAround(now, 7, 4);
    expect(ranges).toHaveLength(6);
    for (const [index, range] of ranges.entries()) if (index > 0) expect(range.fromId).toBe(ranges[index - 1]!.toId);
    expect(ranges[1]!.from).toBeLessThanOrEqual(now);
    expect(ranges[1]!.to).toBeGreaterThan(now);
  });

  it('are the same for everybody at any moment of a range', () => {
    const [, present] = rangesAround(now, 7, 1);
    expect(rangesAround(present!.from, 7, 1)).toEqual(rangesAround(present!.to - 1, 7, 1));
  });

  it('are named by their first day', () => {
    expect(rangesAround(now, 1, 1).map((range) => range.name)).toEqual(['20261121', '20261122', '20261123']);
  });

  it('hold every id of their time and none of another', () => {
    const [, present] = rangesAround(now, 1, 1);
    const random = new Uint8Array(10).fill(255);
    expect(ulid(present!.from, new Uint8Array(10)) >= present!.fromId).toBe(true);
    expect(ulid(present!.to - 1, random) < present!.toId).toBe(true);
    expect(ulid(present!.from - 1, random) < present!.fromId).toBe(true);
  });

  it('begin with the lowest id of their time', () => {
    expect(lowestId(now)).toMatch(/0{16}$/);
    expect(lowestId(-5)).toBe('0'.repeat(26));
  });
});
