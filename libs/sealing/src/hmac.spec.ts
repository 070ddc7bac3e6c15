import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createHmacOf } from './hmac.js';

describe('the HMAC of a text', () => {
  it.each([
    // RFC 4231, test cases 1, 2 and 4.
    [Buffer.alloc(20, 0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [Buffer.from('Jefe'), 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  ])('is that of RFC 4231', (key, text, hex) => {
    expect(createHmacOf(key)(text)).toBe(Buffer.from(hex, 'hex').toString('base64url'));
  });

  it("is the engine's own for any key and text, short or long", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.string({ unit: 'grapheme' }), fc.constantFrom(1, 1000, 30_000), (key, text, times) => {
        const long = text.repeat(times).slice(0, 200_000);
        expect(createHmacOf(key)(long)).toBe(createHmac('sha256', key).update(long).digest('base64url'));
      }),
    );
  });

  it('does not depend on the texts before it', () => {
    const hmac = createHmacOf(randomBytes(32));
    const first = hmac('short');
    hmac('a longer text, which leaves its end in the buffer');
    expect(hmac('short')).toBe(first);
  });

  it('has no key of more than a block', () => {
    expect(() => createHmacOf(new Uint8Array(65))).toThrow('64 bytes at most');
  });
});
