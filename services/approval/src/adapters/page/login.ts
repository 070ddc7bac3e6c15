import * as oidc from 'openid-client';
import type { PageSettings } from '../../places.js';

/** What has to come back unchanged with the answer of the provider; it stays in a cookie of the browser that began. */
export interface LoginAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Path to go on to. */
  readonly back: string;
  /** The person had to prove again who they are. */
  readonly fresh: boolean;
}

/** Who has logged in, as the provider says. */
export interface LoggedIn {
  readonly issuer: string;
  readonly subject: string;
  readonly person: string;
  readonly groups: readonly string[];
  /** When the person proved who they are, in Unix seconds, of a login that had to be fresh; null otherwise. */
  readonly fresh_s: number | null;
}

/** The login did not come about. The message is for the person. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused';
}

/** Logs people in at the OpenID provider: authorization code with PKCE, state and nonce. */
export class Login {
  private discovered: Promise<oidc.Configuration> | undefined;

  constructor(private readonly settings: PageSettings) {}

  /** `fresh`: the provider must ask for the credentials again, whatever session it has. Throws LoginRefused when it does not answer. */
  async begin(back: string, fresh: boolean): Promise<{ readonly attempt: LoginAttempt; readonly url: string }> {
    const provider = await this.provider();
    const attempt: LoginAttempt = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier(), back, fresh };
    const url = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: this.redirectUri,
      scope: this.settings.scope,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      // `prompt` asks for it; `max_age` makes the provider say in the token when it was done, which is what counts.
      ...(fresh ? { prompt: 'login', max_age: '0' } : {}),
    });
    return { attempt, url: url.href };
  }

  /** `query`: of the redirect, with its question mark. Throws LoginRefused. */
  async finish(query: string, attempt: LoginAttempt): Promise<LoggedIn> {
    const provider = await this.provider();
    let claims: oidc.IDToken | undefined;
    try {
      const tokens = await oidc.authorizationCodeGrant(provider, new URL(this.redirectUri + query), {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
        idTokenExpected: true,
        ...(attempt.fresh ? { maxAge: this.settings.freshLogin_s } : {}),
      });
      claims = tokens.claims();
    } catch (error) {
      throw new LoginRefused('the login could not be completed: begin again', { cause: error });
    }
    if (claims === undefined) throw new LoginRefused('the OpenID provider sent no ID token');
    const { person, groups } = this.personIn(claims);
    return { issuer: claims.iss, subject: claims.sub, person, groups, fresh_s: attempt.fresh ? (claims.auth_time ?? null) : null };
  }

  private personIn(claims: oidc.IDToken): { readonly person: string; readonly groups: readonly string[] } {
    const { personClaim, groupsClaim } = this.settings;
    const person = claims[personClaim];
    if (typeof person !== 'string' || person.trim() === '') throw new LoginRefused(`the ID token does not say who you are: it has no claim "${personClaim}"`);
    if (personClaim === 'email' && claims['email_verified'] === false) throw new LoginRefused('your mail address is not verified at the OpenID provider');
    const groups = claims[groupsClaim];
    return { person, groups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [] };
  }

  private get redirectUri(): string {
    return `${this.settings.publicUrl}/approvals/callback`;
  }

  /** Found once. After a failure the next login tries again. */
  private async provider(): Promise<oidc.Configuration> {
    this.discovered ??= this.discover().catch((error: unknown) => {
      this.discovered = undefined;
      throw new LoginRefused('the OpenID provider does not answer: try again later', { cause: error });
    });
    return this.discovered;
  }

  private async discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, timeout_s } = this.settings;
    const server = new URL(issuer);
    const authentication = clientSecret === undefined ? oidc.None() : undefined;
    // The settings allow plain http to this machine only.
    const execute = server.protocol === 'http:' ? [oidc.allowInsecureRequests] : [];
    return oidc.discovery(server, clientId, clientSecret, authentication, { execute, timeout: timeout_s });
  }
}
