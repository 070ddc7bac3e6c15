import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { timestamp, unixMilliseconds } from './time.js';

const times = fc.integer({ min: 0, max: 253_402_300_799_999 });

describe('a timestamp', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [1_795_352_400_500, '2026-11-22T13:00:00.500Z'],
    [253_402_300_799_999, '9999-12-31T23:59:59.999Z'],
  ])('of %p is %s', (milliseconds, text) => {
    expect(timestamp(milliseconds)).toBe(text);
  });

  it('has one width, reads back, and sorts as text', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        expect(timestamp(a)).toHaveLength(24);
        expect(unixMilliseconds(timestamp(a))).toBe(a);
        expect(timestamp(a) < timestamp(b)).toBe(a < b);
      }),
    );
  });

  it.each([NaN, Infinity, -1, 253_402_300_800_000])('is not made of %p', (milliseconds) => {
    expect(() => timestamp(milliseconds)).toThrow('is not a time in Unix milliseconds');
  });

  it.each(['', '2026-11-22', '2026-11-22T13:00:00Z', '2026-11-22T13:00:00.000+00:00', '2026-02-30T00:00:00.000Z', '+010000-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z'])(
    'is not %p',
    (text) => {
      expect(() => unixMilliseconds(text)).toThrow('is not a timestamp');
    },
  );
});
