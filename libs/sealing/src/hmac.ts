import { createHmac, createSecretKey, hash } from 'node:crypto';

const block = 64;
/** Longer texts are hashed in a stream; the buffer for the others stays allocated. */
const longest = 64 * 1024;

/**
 * HMAC-SHA-256 (RFC 2104) of texts under one key, as base64url. Two one-shot hashes over a standing buffer cost 60 % of
 * `createHmac`, which makes a native object for every text. The key is 64 bytes at most.
 */
export function createHmacOf(key: Uint8Array): (text: string) => string {
  if (key.length > block) throw new RangeError('an HMAC key is 64 bytes at most');
  const inner = Buffer.alloc(block + longest);
  const outer = Buffer.alloc(block + 32);
  for (let index = 0; index < block; index += 1) {
    inner[index] = (key[index] ?? 0) ^ 0x36;
    outer[index] = (key[index] ?? 0) ^ 0x5c;
  }
  const forLongTexts = createSecretKey(key);
  return (text) => {
    // A UTF-16 code unit is 3 bytes of UTF-8 at most.
    if (text.length * 3 > longest) return createHmac('sha256', forLongTexts).update(text).digest('base64url');
    const length = inner.write(text, block);
    outer.write(hash('sha256', inner.subarray(0, block + length), 'binary'), block, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}
