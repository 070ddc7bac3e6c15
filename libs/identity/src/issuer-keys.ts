import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { isPlainRemote, type JwtIssuer } from './jwt-issuers.js';
import { TokenRefused } from './jwt-problem.js';

export interface IssuerKeysLimits {
  /** One request to the issuer, body included. */
  readonly timeout_ms: number;
  /** Body of a discovery document or key set. */
  readonly max_bytes: number;
  /** Least time between two fetches, after a failed one too: forged tokens must not make us knock at the issuer's door. */
  readonly cooldown_ms: number;
  /** Keys older than this are fetched again in the background, so that a withdrawn one leaves. */
  readonly refresh_ms: number;
  /** Keys older than this are not used any more: while the issuer cannot be reached, its tokens are refused. */
  readonly stale_ms: number;
}

export const defaultIssuerKeysLimits: IssuerKeysLimits = { timeout_ms: 3_000, max_bytes: 262_144, cooldown_ms: 15_000, refresh_ms: 300_000, stale_ms: 3_600_000 };

type Keys = ReturnType<typeof createLocalJWKSet>;

/** The public keys of one issuer, fetched when first needed and kept. `now` is the clock in Unix milliseconds. */
export class IssuerKeys {
  private keys: { readonly find: Keys; readonly fetched: number } | undefined;
  private attempted = -Infinity;
  private failure: string | undefined;
  private fetching: Promise<void> | undefined;

  constructor(
    private readonly issuer: JwtIssuer,
    private readonly now: () => number,
    private readonly limits: IssuerKeysLimits = defaultIssuerKeysLimits,
  ) {}

  /** The key that the header asks for. Throws TokenRefused (`keys-unavailable`, `signature`) or an error of jose. */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): ReturnType<Keys> {
    if (this.age() > this.limits.stale_ms) await this.fetchAgain();
    else if (this.age() > this.limits.refresh_ms) void this.fetchAgain();
    try {
      return await this.usable()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // Perhaps the issuer has rotated its keys since.
      await this.fetchAgain();
      return await this.usable()(header, token);
    }
  }

  private age(): number {
    return this.keys === undefined ? Infinity : this.now() - this.keys.fetched;
  }

  private usable(): Keys {
    if (this.keys !== undefined && this.age() <= this.limits.stale_ms) return this.keys.find;
    throw new TokenRefused('keys-unavailable', `the keys of ${this.issuer.issuer} cannot be had: ${this.failure ?? 'not fetched yet'}`);
  }

  /** Never rejects: what went wrong is in `failure`, and the keys in hand stay. */
  private fetchAgain(): Promise<void> {
    if (this.fetching !== undefined) return this.fetching;
    const since = this.now() - this.attempted;
    // Negative after the clock was set back, which must not silence us for as long.
    if (since >= 0 && since < this.limits.cooldown_ms) return Promise.resolve();
    this.attempted = this.now();
    this.fetching = this.fetchKeys()
      .then((set) => {
        this.keys = { find: createLocalJWKSet(set), fetched: this.now() };
        this.failure = undefined;
      })
      .catch((error: unknown) => {
        this.failure = (error as Error).message;
      })
      .finally(() => {
        this.fetching = undefined;
      });
    return this.fetching;
  }

  private async fetchKeys(): Promise<JSONWebKeySet> {
    const signal = AbortSignal.timeout(this.limits.timeout_ms);
    const address = this.issuer.jwks ?? (await this.discover(signal));
    // createLocalJWKSet checks the shape.
    return (await this.fetchJson(address, signal)) as JSONWebKeySet;
  }

  /** OpenID Connect Discovery first, then RFC 8414, as issuers publish one or both. */
  private async discover(signal: AbortSignal): Promise<string> {
    const issuer = new URL(this.issuer.issuer);
    const path = issuer.pathname.replace(/\/$/, '');
    const places = [`${issuer.origin}${path}/.well-known/openid-configuration`, `${issuer.origin}/.well-known/oauth-authorization-server${path}`];
    const problems: string[] = [];
    for (const place of places) {
      try {
        return this.keysAddressIn((await this.fetchJson(place, signal)) as Record<string, unknown> | null);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    throw new Error(problems.join('; '));
  }

  private keysAddressIn(metadata: Record<string, unknown> | null): string {
    const { issuer, jwks_uri: address } = metadata ?? {};
    if (issuer !== this.issuer.issuer) throw new Error('its discovery document names another issuer');
    if (typeof address !== 'string' || !URL.canParse(address)) throw new Error('its discovery document has no jwks_uri');
    const { protocol } = new URL(address);
    if (protocol !== 'https:' && (protocol !== 'http:' || (isPlainRemote(address) && !this.issuer.plain_http)))
      throw new Error('its discovery document points to keys without TLS');
    return address;
  }

  private async fetchJson(address: string, signal: AbortSignal): Promise<unknown> {
    const { host } = new URL(address);
    try {
      // A redirect would let the issuer's host choose where we connect to, so it counts as a failure.
      const response = await fetch(address, { signal, redirect: 'manual', headers: { accept: 'application/json, application/jwk-set+json' } });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`answered with status ${response.status}`);
      }
      return JSON.parse(await readAtMost(response, this.limits.max_bytes)) as unknown;
    } catch (error) {
      throw new Error(`${host}: ${reasonOf(error, this.limits.timeout_ms)}`, { cause: error });
    }
  }
}

function reasonOf(error: unknown, timeout_ms: number): string {
  const { name, message, cause } = error as Partial<Error>;
  if (name === 'TimeoutError') return `no answer within ${timeout_ms} ms`;
  if (name === 'SyntaxError') return 'the answer is not JSON';
  // The platform's fetch says "fetch failed" and keeps the reason in its cause.
  return (cause as Partial<Error> | undefined)?.message ?? message ?? String(error);
}

async function readAtMost(response: Response, max_bytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (bytes > max_bytes) throw new Error(`the answer is longer than ${max_bytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}
