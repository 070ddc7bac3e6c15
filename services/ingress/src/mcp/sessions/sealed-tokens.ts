import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

const format = 2;
/** Format, and the number of the key. */
const headBytes = 5;
const nonceBytes = 12;
const tagBytes = 16;
/** A key seals for a week, and opens for four more: no token is good for longer, whatever its content says. */
const period_ms = 7 * 86_400_000;
const periodsKept = 4;

/**
 * State that travels with a client instead of being remembered: encrypted and authenticated, so that any replica opens it and nobody
 * else can read, alter or make one. Whether it is still good (whose it is, since when) is for its content to say.
 *
 * The keys rotate by themselves: each week has its own, derived from the installation's, so replicas agree on it without being told.
 */
export class SealedTokens<Content> {
  readonly #keys = new Map<number, KeyObject>();

  /** `key`: 32 bytes, the same in every replica of an installation. `purpose`: a token of one purpose is none of another. `now`: Unix milliseconds. */
  constructor(
    private readonly key: Uint8Array,
    private readonly purpose: string,
    private readonly now: () => number = Date.now,
  ) {}

  /** base64url, so it fits into a header, an id or a URL. */
  seal(content: Content): string {
    const period = this.#period();
    const head = Buffer.alloc(headBytes);
    head[0] = format;
    head.writeUInt32BE(period, 1);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(period), nonce).setAAD(head);
    const text = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()]);
    return Buffer.concat([head, nonce, text, cipher.getAuthTag()]).toString('base64url');
  }

  /** Undefined for everything that was not sealed here for this purpose, or too long ago. */
  open(token: string): Content | undefined {
    const bytes = Buffer.from(token, 'base64url');
    // The decoder passes over what is not base64url: a token has one spelling.
    if (bytes.length < headBytes + nonceBytes + tagBytes || bytes[0] !== format || bytes.toString('base64url') !== token) return undefined;
    const period = bytes.readUInt32BE(1);
    // The clock of the replica that sealed it may be a little ahead of ours.
    if (period > this.#period() + 1 || period < this.#period() - periodsKept) return undefined;
    try {
      const nonce = bytes.subarray(headBytes, headBytes + nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(period), nonce, { authTagLength: tagBytes }).setAAD(bytes.subarray(0, headBytes));
      decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      const text = Buffer.concat([decipher.update(bytes.subarray(headBytes + nonceBytes, bytes.length - tagBytes)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as Content;
    } catch {
      // Not ours, or altered: the same to whoever sent it as unknown.
      return undefined;
    }
  }

  #period(): number {
    return Math.floor(this.now() / period_ms);
  }

  #keyOf(period: number): KeyObject {
    let key = this.#keys.get(period);
    if (key === undefined) {
      if (this.#keys.size > periodsKept + 2) this.#keys.clear();
      key = createSecretKey(createHmac('sha256', this.key).update(`${this.purpose}/${period}`).digest());
      this.#keys.set(period, key);
    }
    return key;
  }
}
