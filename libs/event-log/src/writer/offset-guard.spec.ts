import { describe, expect, it } from '@jest/globals';
import { OffsetGuard } from './offset-guard.js';

describe('the offset guard', () => {
  const at = (partition: number, offset: number) => ({ topic: 't', partition, offset });

  it('accepts offsets that grow within each partition, gaps included', () => {
    const guard = new OffsetGuard();
    for (const position of [at(0, 5), at(1, 0), at(0, 6), at(0, 90), at(1, 1)]) expect(guard.check(position)).toBeUndefined();
  });

  it.each([
    ['the same again', 7],
    ['a smaller one', 3],
  ])('speaks at %s', (_, offset) => {
    const guard = new OffsetGuard();
    guard.check(at(0, 7));
    expect(guard.check(at(0, offset))).toBe(`t/0 acknowledged offset ${offset} after 7`);
  });

  it.each([-1, Number.NaN, 1.5, 2 ** 53])('speaks at the impossible offset %s', (offset) => {
    expect(new OffsetGuard().check(at(0, offset))).toMatch(/impossible offset/);
  });
});
