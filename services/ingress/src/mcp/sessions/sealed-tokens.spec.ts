import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SealedTokens } from './sealed-tokens.js';

const key = randomBytes(32);
const tokens = new SealedTokens<{ a: number }>(key, 'test');

describe('a sealed token', () => {
  it('is opened by every process with the key, and reads as nothing', () => {
    const token = tokens.seal({ a: 123456789 });
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(Buffer.from(token, 'base64url').toString('latin1')).not.toContain('123456789');
    expect(new SealedTokens<{ a: number }>(key, 'test').open(token)).toEqual({ a: 123456789 });
  });

  it('is never the same twice', () => {
    expect(tokens.seal({ a: 1 })).not.toBe(tokens.seal({ a: 1 }));
  });

  it('is none of another purpose or another key', () => {
    expect(new SealedTokens(key, 'other').open(tokens.seal({ a: 1 }))).toBeUndefined();
    expect(new SealedTokens(randomBytes(32), 'test').open(tokens.seal({ a: 1 }))).toBeUndefined();
  });

  it('is not opened with any byte altered, nor cut short, nor from nothing', () => {
    const bytes = Buffer.from(tokens.seal({ a: 1 }), 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const altered = Buffer.from(bytes);
      altered[index]! ^= 1;
      expect(tokens.open(altered.toString('base64url'))).toBeUndefined();
    }
    for (const length of [0, 1, 12, 28, bytes.length - 1]) expect(tokens.open(bytes.subarray(0, length).toString('base64url'))).toBeUndefined();
    expect(tokens.open('not a token at all')).toBeUndefined();
    const token = tokens.seal({ a: 1 });
    for (const respelled of [`${token}=`, `${token}!`, ` ${token}`, `${token}A`]) expect(tokens.open(respelled)).toBeUndefined();
  });

  it('is sealed under another key each week, and opened for four weeks more, by replicas whose clocks differ a little', () => {
    const week = 7 * 86_400_000;
    const at = (time: number) => new SealedTokens<{ a: number }>(key, 'test', () => time);
    const token = at(100 * week).seal({ a: 1 });
    const keyOf = (text: string): string => Buffer.from(text, 'base64url').subarray(1, 5).toString('hex');
    expect(keyOf(at(101 * week).seal({ a: 1 }))).not.toBe(keyOf(token));
    expect([100 * week - 1, 101 * week, 105 * week - 1].map((time) => at(time).open(token))).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect([98 * week, 105 * week].map((time) => at(time).open(token))).toEqual([undefined, undefined]);
  });
});
