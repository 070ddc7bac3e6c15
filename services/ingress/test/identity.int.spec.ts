import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let upstream: MischievousServer;
let issuer: Server;
let issuerUrl: string;
let sign: (claims: Record<string, unknown>, changes?: { audience?: string; expires?: string }) => Promise<string>;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  issuer = createServer((_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  sign = (claims, { audience = 'customhouse', expires = '5m' } = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuer(issuerUrl).setAudience(audience).setIssuedAt().setExpirationTime(expires).sign(privateKey);
  gateway = await Gateway.start({
    development: false,
    environment: { CUSTOMHOUSE_INGRESS_JWT_ISSUERS: JSON.stringify([{ issuer: issuerUrl, audience: 'customhouse', jwks: `${issuerUrl}/jwks` }]) },
  });
  await gateway.addServer('mischief', upstream.transport);
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  issuer?.close();
});

const hello = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } };

async function refusal(headers: Record<string, string>): Promise<{ status: number; challenge: string | null; text: string }> {
  const { response, message } = await new RawClient(gateway.url).post(hello, headers);
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text: JSON.stringify(message) };
}

async function recordedAs(headers: Record<string, string>): Promise<unknown> {
  const client = new RawClient(gateway.url, headers);
  await client.initialize();
  await client.call('mischief__echo', { message: 'x' });
  return ((await gateway.events()).findLast((event) => event.type === 'call.admitted')!.data as JsonObject)['principal'];
}

describe('an API key', () => {
  it('is who the call is recorded as', async () => {
    const key = await gateway.issueKey({ agent: 'robot', person: 'ada@example.com', groups: ['staff'] });
    expect(await recordedAs({ authorization: `Bearer ${key}` })).toMatchObject({ agent: 'robot', person: 'ada@example.com', groups: ['staff'], credential: { kind: 'key' } });
  });

  it('that is wrong, expired or revoked is refused with the reason, and appears nowhere', async () => {
    const expired = await gateway.issueKey({ expires: '2020-01-01T00:00:00.000Z' });
    const revoked = await gateway.issueKey();
    await gateway.revoke(revoked);
    for (const [key, reason] of [
      [`chk_0123456789abcdef_${'A'.repeat(43)}`, 'not known'],
      ['chk_half', 'malformed'],
      [expired, 'expired'],
      [revoked, 'revoked'],
    ] as const) {
      const { status, challenge, text } = await refusal({ authorization: `Bearer ${key}` });
      expect([status, text]).toEqual([401, expect.stringContaining(reason)]);
      expect(challenge).toMatch(/^Bearer realm="customhouse", error="invalid_token", error_description="[^"]+"$/);
      expect(`${challenge}${text}${JSON.stringify(gateway.logLines)}`).not.toContain(key.slice(-40));
    }
  });

  it('stops counting while its session goes on', async () => {
    const key = await gateway.issueKey();
    const client = new RawClient(gateway.url, { authorization: `Bearer ${key}` });
    await client.initialize();
    expect(await client.call('mischief__echo', { message: 'x' })).toHaveProperty('result');
    await gateway.revoke(key);
    expect((await client.post({ jsonrpc: '2.0', id: 9, method: 'ping' })).response.status).toBe(401);
  });

  it('without the role "agent" may not call', async () => {
    const key = await gateway.issueKey({ roles: ['auditor'] });
    expect(await refusal({ authorization: `Bearer ${key}` })).toMatchObject({ status: 403, text: expect.stringContaining('role') });
  });

  it('is never taken from the address', async () => {
    const key = await gateway.issueKey();
    const { response } = await new RawClient(`${gateway.url}?access_token=${key}&token=${key}`).post(hello);
    expect(response.status).toBe(401);
  });
});

describe('a token of a trusted issuer', () => {
  it('is who the call is recorded as', async () => {
    const token = await sign({ sub: 'eve@example.com', azp: 'assistant', groups: ['dev'] });
    expect(await recordedAs({ authorization: `Bearer ${token}` })).toMatchObject({ agent: 'assistant', person: 'eve@example.com', groups: ['dev'], credential: { kind: 'jwt' } });
  });

  it('is refused for another audience, after its time, unsigned, or for nobody', async () => {
    const good = await sign({ sub: 'eve@example.com', azp: 'assistant' });
    const [, claims] = good.split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    for (const token of [
      await sign({ sub: 'eve@example.com', azp: 'assistant' }, { audience: 'somebody-else' }),
      await sign({ sub: 'eve@example.com', azp: 'assistant' }, { expires: '-10m' }),
      await sign({ sub: 'eve@example.com' }),
      unsigned,
      good.slice(0, -4),
    ]) {
      expect(await refusal({ authorization: `Bearer ${token}` })).toMatchObject({ status: 401, challenge: expect.stringContaining('invalid_token') });
    }
  });
});

describe('no token', () => {
  it('is refused outside the development profile', async () => {
    expect(await refusal({})).toMatchObject({ status: 401, challenge: 'Bearer realm="customhouse"' });
  });

  it('is enough on loopback in the development profile, which does not count on another address', async () => {
    const open = await Gateway.start({ development: true });
    const closed = await Gateway.start({ development: true, environment: { CUSTOMHOUSE_INGRESS_HOST: '0.0.0.0' } });
    expect((await new RawClient(open.url).post(hello)).response.status).toBe(200);
    const url = closed.url.replace('0.0.0.0', '127.0.0.1');
    expect((await new RawClient(url).post(hello)).response.status).toBe(401);
    await eventually(() => closed.logLines.some((line) => String(line['msg']).includes('does not count')));
    await Promise.all([open.close(), closed.close()]);
  }, 30_000);
});
