import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
// @ts-expect-error the package has no types of its own
import Provider from 'oidc-provider';

/** Somebody in the company's directory. */
export interface Person {
  readonly email: string;
  readonly groups: readonly string[];
  readonly email_verified?: boolean;
}

export const clientId = 'customhouse';
export const clientSecret = 'a-secret-that-only-the-two-know';

/** A real OpenID provider with its own pages: a name and any password log in. */
export class CompanyLogin {
  readonly people = new Map<string, Person>();
  private constructor(
    readonly issuer: string,
    private readonly server: Server,
  ) {}

  /** `redirectUri`: ours. */
  static async start(redirectUri: string): Promise<CompanyLogin> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const company = new CompanyLogin(issuer, server);
    const provider = quietly(
      () =>
        new Provider(issuer, {
          clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'] }],
          claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
          scopes: ['openid', 'email', 'groups'],
          conformIdTokenClaims: false,
          cookies: { keys: ['a-key-for-the-cookies-of-a-test'] },
          pkce: { required: () => true },
          ttl: { Session: 3600, Interaction: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
          findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub, email_verified: true, ...company.people.get(sub) }) }),
        }),
    );
    provider.on('server_error', (_: unknown, error: Error) => process.stderr.write(`${error.stack}\n`));
    server.on('request', provider.callback());
    return company;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** It warns that its keys and pages are for tests, which is what they are. */
function quietly<T>(make: () => T): T {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  try {
    return make();
  } finally {
    warn.mockRestore();
  }
}
