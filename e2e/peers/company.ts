import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
// @ts-expect-error the package has no types of its own
import Provider from 'oidc-provider';

const clientId = 'customhouse';
const clientSecret = 'a-secret-that-only-the-two-know';

/** The login of a company: a real OpenID provider with its own pages, where a name and any password log in. Everybody may approve. */
export class Company {
  private constructor(
    private readonly issuer: string,
    private readonly server: Server,
  ) {}

  /** `home`: where browsers reach the approval service. */
  static async start(home: string): Promise<Company> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // It warns that its keys and pages are for tests, which is what they are.
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const provider = new Provider(issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [`${home}/approvals/callback`], grant_types: ['authorization_code'], response_types: ['code'] }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
      scopes: ['openid', 'email', 'groups'],
      conformIdTokenClaims: false,
      cookies: { keys: ['a-key-for-the-cookies-of-a-test'] },
      pkce: { required: () => true },
      ttl: { Session: 3600, Interaction: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
      findAccount: (_: unknown, sub: string) => ({
        accountId: sub,
        claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true, groups: ['customhouse-approvers'] }),
      }),
    });
    warn.mockRestore();
    server.on('request', provider.callback());
    return new Company(issuer, server);
  }

  /** What the approval service has to know of it. */
  get settings(): Record<string, string> {
    return {
      CUSTOMHOUSE_APPROVAL_OIDC_ISSUER: this.issuer,
      CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID: clientId,
      CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_SECRET: clientSecret,
      CUSTOMHOUSE_APPROVAL_OIDC_SCOPE: 'openid email groups',
    };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
