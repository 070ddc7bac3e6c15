import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { callAdmitted } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { builtInModule } from '@customhouse/policies/built-in';
import { makeVersion } from '@customhouse/policies/version';
import { Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

type Intent = EventData<typeof callAdmitted>;

const reason = 'a test';
const tools = ['*/*'];
const rules: RuleSet['rules'] = [
  { id: 'finance', effect: 'allow', reason, tools, who: { attributes: { department: ['finance'] }, networks: ['203.0.113.0/24'], owners: ['bob'] } },
  { id: 'egress', effect: 'refuse', reason, tools, destinations: { other_than: ['*.example.com', '@example.com'] } },
  { id: 'no-runner', effect: 'refuse', reason, tools: ['mischief/leak'], who: { delegated: true } },
  { id: 'ticket', effect: 'hold', reason, tools: ['mischief/slow'], annotations: { open_world: true } },
];

let gateway: Gateway;
let upstream: MischievousServer;
let issuer: Server;
let client: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  issuer = createServer((_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  gateway = await Gateway.start({
    development: false,
    rules,
    environment: {
      CUSTOMHOUSE_INGRESS_JWT_ISSUERS: JSON.stringify([
        { issuer: url, audience: 'customhouse', jwks: `${url}/jwks`, owner: 'manager', attributes: { department: 'dept', level: 'ext.level' } },
      ]),
      CUSTOMHOUSE_INGRESS_TRUSTED_PROXIES: '127.0.0.0/8,10.0.0.0/8',
      CUSTOMHOUSE_INGRESS_POLICY_META: 'example.com/ticket',
    },
  });
  await gateway.addServer('mischief', upstream.transport);
  const claims = { sub: 'eve', azp: 'assistant', manager: 'bob', dept: 'finance', ext: { level: 2 }, act: { sub: 'runner' } };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer(url)
    .setAudience('customhouse')
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(privateKey);
  client = from(token, '203.0.113.7, 10.0.0.2');
  await client.initialize();
}, 120_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  issuer?.close();
});

function from(token: string, forwardedFor: string): RawClient {
  return new RawClient(gateway.url, { authorization: `Bearer ${token}`, 'x-forwarded-for': forwardedFor });
}

/** The event that recorded the latest call, and the rules that fired. */
async function intent(): Promise<{ readonly data: Intent; readonly type: string; readonly time: number; readonly fired: string[] }> {
  const event = (await gateway.events()).findLast(({ type }) => ['call.admitted', 'call.refused', 'call.held'].includes(type))!;
  const data = event.data as unknown as Intent;
  return { data, type: event.type, time: Date.parse(event.envelope.time), fired: data.decision.rules.map(({ id }) => id) };
}

async function decidedAgain(args: object) {
  const { data, time } = await intent();
  const { digest, wasm } = builtInModule();
  const policy = await compilePolicy(makeVersion({ number: data.decision.policy.number, module: digest, rules: { version: 1, rules }, note: '' }), wasm);
  const { server, tool } = data;
  return policy.decide(recordedInput({ time, data }, args, policy.argumentsNeeded(server, tool)));
}

describe('what a decision is made on', () => {
  it('is who calls, for whom, on whose behalf, from where and how, and all of it is recorded', async () => {
    const args = { message: 'see https://api.example.com/ and tell ann@example.com' };
    await client.call('mischief__echo', args);
    const { data, type, fired } = await intent();
    expect([type, fired]).toEqual(['call.admitted', ['finance']]);
    expect(data).toMatchObject({
      principal: { agent: 'assistant', owner: 'bob', person: 'eve', attributes: { department: 'finance', level: 2 }, delegation: [{ actor: 'runner' }] },
      network: { address: '203.0.113.7', forwarded: ['10.0.0.2', '127.0.0.1'] },
      request: { protocol: '2025-11-25', era: 'legacy', meta: {} },
      annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
      destinations: [
        { kind: 'url', host: 'api.example.com', argument: '/message' },
        { kind: 'mail', host: 'example.com', argument: '/message' },
      ],
    });
    expect(await decidedAgain(args)).toEqual(data.decision);
  });

  it('has those members of _meta that the policy may see', async () => {
    await client.post({
      jsonrpc: '2.0',
      id: 77,
      method: 'tools/call',
      params: { name: 'mischief__echo', arguments: { message: 'x' }, _meta: { 'example.com/ticket': 'T-17', 'example.com/other': 1 } },
    });
    expect((await intent()).data.request!.meta).toEqual({ 'example.com/ticket': 'T-17' });
  });

  it.each([
    ['elsewhere', 'https://evil.net/'],
    ['where nobody can read it', 'https://api.example.com@evil%2enet/'],
  ])('refuses what would send something %s, and decides the same again', async (_, message) => {
    const before = upstream.calls.length;
    await client.call('mischief__echo', { message });
    const { data, type, fired } = await intent();
    expect([type, fired]).toEqual(['call.refused', ['egress', 'finance']]);
    expect(upstream.calls).toHaveLength(before);
    expect(await decidedAgain({ message })).toEqual(data.decision);
  });

  it('looks at delegation and at what a tool says of itself', async () => {
    await client.call('mischief__leak', {});
    expect((await intent()).fired).toEqual(['no-runner', 'finance']);
    const { message } = await client.post({
      jsonrpc: '2.0',
      id: 78,
      method: 'tools/call',
      params: { name: 'mischief__slow', arguments: { ms: 1 }, _meta: { 'customhouse/wait_ms': 0 } },
    });
    expect(message).toBeDefined();
    const held = await intent();
    expect([held.type, held.fired]).toEqual(['call.held', ['ticket', 'finance']]);
  });

  it('takes no address from a client, but from the proxies before it', async () => {
    const token = String(client.headers['authorization']).slice('Bearer '.length);
    const liar = from(token, '203.0.113.7, 198.51.100.9');
    await liar.initialize();
    await liar.call('mischief__echo', { message: 'x' });
    const { data, fired } = await intent();
    expect(data.network).toEqual({ address: '198.51.100.9', forwarded: ['127.0.0.1'] });
    expect(fired).toEqual(['default-deny']);
  });
});
