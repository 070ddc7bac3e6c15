import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { KeyEncryptionKey, type WrappedKey } from './key-encryption-key.js';
import { KeyForeign, SealBroken } from './sealer.js';

const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const kek = new KeyEncryptionKey(secret);
const dataKey = Buffer.alloc(32, 7);
const wrapped: WrappedKey = { id: 'K1', subject: 'S1', kek: kek.id, wrapped: kek.wrap(dataKey, 'K1', 'S1'), created: '2026-11-22T13:00:00.000Z' };

describe('the key-encryption key', () => {
  it('derives the same names and digests for ever: what is in a log depends on them', () => {
    expect({ id: kek.id, digest: kek.digest('{"a":1}'), pseudonym: kek.pseudonym('["default","ann"]') }).toEqual({
      id: '5IPwsdBI9YwU',
      digest: '3lXADuHNCXXEEuxrF6kDs_cTkYo-TqFwqeSgrcKUbuY',
      pseudonym: 'bauAS9pNrVsObk_eMUglTlXKuMn40KSyRJcGOnoImp0',
    });
  });

  it('gives digests and pseudonyms that cannot be compared with each other', () => {
    expect(kek.digest('x')).not.toBe(kek.pseudonym('x'));
  });

  it('gives another installation other digests', () => {
    expect(new KeyEncryptionKey(randomBytes(32)).digest('x')).not.toBe(kek.digest('x'));
  });

  it('unwraps what it wrapped', () => {
    expect(kek.unwrap(wrapped).export()).toEqual(dataKey);
  });

  it('never wraps twice alike', () => {
    expect(kek.wrap(dataKey, 'K1', 'S1')).not.toBe(kek.wrap(dataKey, 'K1', 'S1'));
  });

  it.each([
    ['another subject', { ...wrapped, subject: 'S2' }],
    ['another id', { ...wrapped, id: 'K2' }],
    ['a flipped bit', { ...wrapped, wrapped: flip(wrapped.wrapped) }],
    ['a cut end', { ...wrapped, wrapped: wrapped.wrapped.slice(0, -4) }],
    ['nothing', { ...wrapped, wrapped: '' }],
  ])('does not unwrap under %s', (_, key) => {
    expect(() => kek.unwrap(key)).toThrow(SealBroken);
  });

  it('names both keys, and the setting, when the data key belongs to another', () => {
    const other = new KeyEncryptionKey(randomBytes(32));
    expect(() => other.unwrap(wrapped)).toThrow(KeyForeign);
    expect(() => other.unwrap(wrapped)).toThrow(new RegExp(`${kek.id}.*${other.id}.*CUSTOMHOUSE_SEALING_KEY_FILE`));
  });

  it('does not show itself when it is logged', () => {
    const shown = inspect(kek, { depth: 9, showHidden: true }) + JSON.stringify(kek);
    expect(shown).not.toContain(secret.toString('hex').slice(0, 16));
    expect(shown).not.toContain('Uint8Array');
    expect(shown).not.toContain('<Buffer');
  });

  it.each([0, 16, 31, 33])('is not made of %i bytes', (length) => {
    expect(() => new KeyEncryptionKey(randomBytes(length))).toThrow('has 32 bytes');
  });
});

function flip(text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  bytes[20]! ^= 1;
  return bytes.toString('base64url');
}
