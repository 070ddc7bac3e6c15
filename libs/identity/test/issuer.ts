import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

interface KeyInHand {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** A token issuer on this machine: a real HTTP server with discovery and a key set that tests can change, break and count. */
export class TestIssuer {
  readonly requests: string[] = [];
  /** What the key set lists. */
  published: KeyInHand[] = [];
  /** Overrides the answer to every request. */
  answer: ((path: string) => { status?: number; headers?: Record<string, string>; body?: string | Buffer } | 'hang' | undefined) | undefined;
  private port = 0;

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<TestIssuer> {
    let issuer: TestIssuer;
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      issuer.requests.push(path);
      const special = issuer.answer?.(path);
      if (special === 'hang') return;
      if (special !== undefined) {
        response.writeHead(special.status ?? 200, special.headers);
        response.end(special.body);
      } else if (path === '/.well-known/openid-configuration') {
        response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: issuer.jwks }));
      } else if (path === '/keys') {
        response.end(JSON.stringify({ keys: issuer.published.map((key) => key.jwk) }));
      } else {
        response.writeHead(404);
        response.end();
      }
    });
    issuer = new TestIssuer(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    issuer.port = (server.address() as AddressInfo).port;
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get jwks(): string {
    return `${this.url}/keys`;
  }

  async newKey(kid: string, alg = 'ES256'): Promise<KeyInHand> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const key = { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
    this.published.push(key);
    return key;
  }

  /** A token that is right in every respect, with these changes. A claim that is undefined is left out. */
  async token(key: KeyInHand, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, now = Date.now()): Promise<string> {
    const seconds = Math.floor(now / 1000);
    const payload = { iss: this.url, aud: 'customhouse', sub: 'alice', azp: 'claude', iat: seconds, exp: seconds + 600, jti: 'token-1', ...claims };
    const known = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
    return await new SignJWT(known).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header }).sign(key.privateKey);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
