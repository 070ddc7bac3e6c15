import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const format = 1;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * State that travels with a client instead of being remembered: encrypted and authenticated, so that any replica opens it and nobody
 * else can read, alter or make one. Whether it is still good (whose it is, since when) is for its content to say.
 */
export class SealedTokens<Content> {
  readonly #aad: Buffer;

  /** `key`: 32 bytes, the same in every replica of an installation. `purpose`: a token of one purpose is none of another. */
  constructor(
    private readonly key: Uint8Array,
    purpose: string,
  ) {
    this.#aad = Buffer.concat([Buffer.from([format]), Buffer.from(purpose, 'utf8')]);
  }

  /** base64url, so it fits into a header, an id or a URL. */
  seal(content: Content): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(this.#aad);
    const text = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from([format]), nonce, text, cipher.getAuthTag()]).toString('base64url');
  }

  /** Undefined for everything that was not sealed here for this purpose. */
  open(token: string): Content | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < 1 + nonceBytes + tagBytes || bytes[0] !== format) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes }).setAAD(this.#aad);
      decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      const text = Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes, bytes.length - tagBytes)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as Content;
    } catch {
      // Not ours, or altered: the same to whoever sent it as unknown.
      return undefined;
    }
  }
}
