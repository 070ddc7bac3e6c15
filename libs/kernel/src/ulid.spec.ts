import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ulid, ulidTime } from './ulid.js';

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe('a ULID', () => {
  it.each([
    [0, new Uint8Array(10), '00000000000000000000000000'],
    [2 ** 48 - 1, new Uint8Array(10).fill(255), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    // The example of the specification.
    [1469922850259, Uint8Array.of(0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b), '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  ])('of %p is known', (time, random, text) => {
    expect(ulid(time, random)).toBe(text);
  });

  it('holds its time and every random bit', () => {
    fc.assert(
      fc.property(times, bytes, (time, random) => {
        const id = ulid(time, random);
        expect(ulidTime(id)).toBe(time);
        expect(randomOf(id)).toEqual([...random]);
      }),
    );
  });

  it('sorts by time as text', () => {
    fc.assert(
      fc.property(times, times, bytes, bytes, (a, b, first, second) => {
        fc.pre(a !== b);
        expect(ulid(a, first) < ulid(b, second)).toBe(a < b);
      }),
    );
  });

  it('takes its random bytes from an offset of a pool', () => {
    const pool = Uint8Array.from({ length: 30 }, (_, index) => index * 7);
    expect(ulid(5, pool, 20)).toBe(ulid(5, pool.slice(20)));
  });

  it.each([-1, 2 ** 48, 1.5, NaN])('has no time %p', (time) => {
    expect(() => ulid(time, new Uint8Array(10))).toThrow(RangeError);
  });

  it('is not made of fewer than 10 random bytes', () => {
    expect(() => ulid(0, new Uint8Array(9))).toThrow('10 random bytes');
    expect(() => ulid(0, new Uint8Array(19), 10)).toThrow('10 random bytes');
  });

  it.each(['', '01ARZ3NDEKTSV4RRFFQ69G5FA', '01ARZ3NDEKTSV4RRFFQ69G5FAVX', '01arz3ndektsv4rrffq69g5fav', '81ARZ3NDEKTSV4RRFFQ69G5FAV', '01ARZ3NDEKTSV4RRFFQ69G5FAU'])(
    'is not %p',
    (text) => {
      expect(() => ulidTime(text)).toThrow('is not a ULID');
    },
  );
});

/** Reads the random part back with big integers, unlike the code under test. */
function randomOf(id: string): number[] {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  let bits = 0n;
  for (const character of id.slice(10)) bits = bits * 32n + BigInt(alphabet.indexOf(character));
  return Array.from({ length: 10 }, (_, index) => Number((bits >> BigInt(8 * (9 - index))) & 255n));
}
