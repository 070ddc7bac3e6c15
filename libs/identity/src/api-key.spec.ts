import { describe, expect, it } from '@jest/globals';
import { generateKey, hashKey, keyIdOf, sameHash } from './api-key.js';

describe('an API key', () => {
  it('carries its id, and a secret of 256 bits that its hash does not show', () => {
    const key = generateKey();
    expect(key.presented).toMatch(/^chk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(keyIdOf(key.presented)).toBe(key.id);
    expect(Buffer.from(key.presented.slice(21), 'base64url')).toHaveLength(32);
    expect(key.hash).toBe(hashKey(key.presented));
    expect(key.hash).toHaveLength(43);
  });

  it('is never the same twice', () => {
    const keys = Array.from({ length: 200 }, generateKey);
    expect(new Set(keys.map((key) => key.id)).size).toBe(200);
    expect(new Set(keys.map((key) => key.presented.slice(21))).size).toBe(200);
  });

  it('hashes the whole text, as SHA-256 in base64url', () => {
    expect(hashKey('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });

  it.each([
    ['an empty text', ''],
    ['another prefix', `chx_0123456789abcdef_${'a'.repeat(43)}`],
    ['a short id', `chk_0123_${'a'.repeat(43)}`],
    ['an id in capitals', `chk_0123456789ABCDEF_${'a'.repeat(43)}`],
    ['a short secret', `chk_0123456789abcdef_${'a'.repeat(42)}`],
    ['a long secret', `chk_0123456789abcdef_${'a'.repeat(44)}`],
    ['a line break at the end', `chk_0123456789abcdef_${'a'.repeat(43)}\n`],
    ['a JWT', 'eyJhbGciOiJub25lIn0.e30.'],
    ['a megabyte', 'chk_'.repeat(262_144)],
  ])('has no id when it is %s', (_, text) => {
    expect(keyIdOf(text)).toBeUndefined();
  });

  it('is compared by its whole hash', () => {
    const { hash } = generateKey();
    expect(sameHash(hash, hash)).toBe(true);
    expect(sameHash(hash, hash.slice(1))).toBe(false);
    expect(sameHash(hash, `${hash.slice(0, -1)}${hash.endsWith('A') ? 'B' : 'A'}`)).toBe(false);
    expect(sameHash('', hash)).toBe(false);
  });
});
