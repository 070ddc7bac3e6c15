import { hash } from 'node:crypto';
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import { IssuerKeys, type IssuerKeysLimits } from './issuer-keys.js';
import { identityOf, type TokenIdentity } from './jwt-identity.js';
import type { JwtIssuer } from './jwt-issuers.js';
import { TokenRefused, type JwtProblem } from './jwt-problem.js';
import { RecentMap } from './recent-map.js';

export type JwtVerdict = { readonly ok: true; readonly identity: TokenIdentity } | { readonly ok: false; readonly problem: JwtProblem; readonly message: string };

export interface JwtVerifierOptions {
  /** Verified tokens that are remembered. A signature costs a hundred times what looking one up does. */
  readonly remembered?: number;
  /** A verified token is verified anew after this time, so that a withdrawn signing key stops counting. */
  readonly remember_ms?: number;
  /** A longer token is refused unread. */
  readonly max_bytes?: number;
  readonly keys?: IssuerKeysLimits;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

interface Trusted {
  readonly issuer: JwtIssuer;
  readonly keys: IssuerKeys;
}

interface Remembered {
  readonly verdict: JwtVerdict;
  /** Unix milliseconds until which the token counts without being verified anew. */
  readonly until: number;
}

/** `typ` values of tokens that may stand for a caller. Others (logout tokens, DPoP proofs) are signed by the same keys. */
const callerTypes = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/** Verifies bearer tokens of the trusted issuers. */
export class JwtVerifier {
  private readonly trusted: ReadonlyMap<string, Trusted>;
  private readonly remembered: RecentMap<string, Remembered>;
  private readonly remember_ms: number;
  private readonly max_bytes: number;
  private readonly now: () => number;

  constructor(issuers: readonly JwtIssuer[], options: JwtVerifierOptions = {}) {
    this.now = options.now ?? Date.now;
    this.trusted = new Map(issuers.map((issuer) => [issuer.issuer, { issuer, keys: new IssuerKeys(issuer, this.now, options.keys) }]));
    this.remembered = new RecentMap(options.remembered ?? 10_000);
    this.remember_ms = options.remember_ms ?? 300_000;
    this.max_bytes = options.max_bytes ?? 16_384;
  }

  /** False when no issuer is trusted: then no token will ever be accepted. */
  get enabled(): boolean {
    return this.trusted.size > 0;
  }

  /**
   * Who the token speaks for, or why it is refused. Never throws, and no message quotes the token. Answers at once for a
   * token that was verified before, else within the limits of fetching the issuer's keys.
   */
  verify(token: string): JwtVerdict | Promise<JwtVerdict> {
    if (token.length > this.max_bytes) return { ok: false, problem: 'malformed', message: `the token is longer than ${this.max_bytes} bytes` };
    // Remembered by hash, so that no live token stays in memory.
    const name = hash('sha256', token, 'base64url');
    const known = this.remembered.get(name);
    if (known !== undefined && this.now() < known.until) return known.verdict;
    return this.verifyAnew(token, name);
  }

  private async verifyAnew(token: string, name: string): Promise<JwtVerdict> {
    try {
      const { issuer, claims } = await this.verifiedClaims(token);
      const verdict: JwtVerdict = { ok: true, identity: identityOf(claims, issuer) };
      const now = this.now();
      this.remembered.set(name, { verdict, until: Math.min(now + this.remember_ms, (claims.exp! + issuer.tolerance_s) * 1000) });
      return verdict;
    } catch (error) {
      const refusal = refusalOf(error);
      return { ok: false, problem: refusal.problem, message: refusal.message };
    }
  }

  private async verifiedClaims(token: string): Promise<{ issuer: JwtIssuer; claims: JWTPayload }> {
    const { iss } = decodeJwt(token);
    const trusted = iss === undefined ? undefined : this.trusted.get(iss);
    if (trusted === undefined) throw new TokenRefused('unknown-issuer', 'the token comes from an issuer that is not trusted here');
    const { issuer, keys } = trusted;
    const { payload, protectedHeader } = await jwtVerify(token, (header, input) => keys.find(header, input), {
      algorithms: issuer.algorithms,
      issuer: issuer.issuer,
      audience: issuer.audience,
      clockTolerance: issuer.tolerance_s,
      requiredClaims: ['exp'],
      currentDate: new Date(this.now()),
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !callerTypes.has(typ.toLowerCase())) throw new TokenRefused('type', 'the token is of a type that does not identify a caller');
    if (payload.iat !== undefined && payload.iat * 1000 > this.now() + issuer.tolerance_s * 1000)
      throw new TokenRefused('not-yet-valid', 'the token was issued in the future: compare the clocks');
    return { issuer, claims: payload };
  }
}

/** Turns jose's errors into our words. Their messages are not passed on, as they may quote claims. */
function refusalOf(error: unknown): TokenRefused {
  if (error instanceof TokenRefused) return error;
  if (error instanceof errors.JWTExpired) return new TokenRefused('expired', 'the token has expired: get a new one');
  if (error instanceof errors.JOSEAlgNotAllowed) return new TokenRefused('algorithm', 'the token is signed with an algorithm that is not allowed for its issuer');
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error.claim, error.reason);
  if (error instanceof errors.JWKSNoMatchingKey) return new TokenRefused('signature', 'no key of the issuer matches the one that the token names');
  if (error instanceof errors.JWKSMultipleMatchingKeys) return new TokenRefused('signature', 'the token does not name its key (kid), and its issuer has several');
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenRefused('signature', 'the signature of the token is not that of its issuer');
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid || error instanceof errors.JOSENotSupported)
    return new TokenRefused('malformed', 'the token is not a signed JWT as we can read it');
  // What is left is a key of the issuer that cannot be used: too short, of another kind than it says, or broken.
  return new TokenRefused('keys-unavailable', 'the key that the token names cannot be used to verify it');
}

function claimRefusal(claim: string, reason: string): TokenRefused {
  if (reason === 'missing') return new TokenRefused(claim === 'aud' ? 'audience' : 'malformed', `the token has no claim "${claim}"`);
  if (claim === 'aud') return new TokenRefused('audience', 'the token is meant for another audience');
  if (claim === 'nbf') return new TokenRefused('not-yet-valid', 'the token is not valid yet: compare the clocks');
  return new TokenRefused('malformed', `the claim "${claim}" of the token is not usable`);
}
