import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { CannotListen } from '../src/mcp/http/server.js';
import { freePort } from './support/everything.js';
import { eventually, Gateway } from './support/gateway.js';
import type { RawClient } from './support/mcp.js';
import { post, sendRaw } from './support/raw-http.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let upstream: MischievousServer;
let ada: RawClient;
let bob: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    development: false,
    environment: {
      CUSTOMHOUSE_INGRESS_CALLS: '4',
      CUSTOMHOUSE_INGRESS_CALLS_PER_PRINCIPAL: '3',
      CUSTOMHOUSE_INGRESS_STREAMS_PER_PRINCIPAL: '2',
      CUSTOMHOUSE_INGRESS_CONNECTIONS: '60',
      CUSTOMHOUSE_INGRESS_PAGE_SIZE: '5',
      CUSTOMHOUSE_INGRESS_SESSION_TTL_MS: '1500',
      CUSTOMHOUSE_INGRESS_IDLE_TIMEOUT_MS: '500',
    },
  });
  await gateway.addServer('mischief', upstream.transport);
  [ada, bob] = [await gateway.clientOf('ada@example.com'), await gateway.clientOf('bob@example.com')];
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

describe('the limits', () => {
  it('of calls at once: of one principal, then of all; and room again afterwards', async () => {
    await Promise.all([ada.initialize(), bob.initialize()]);
    const before = upstream.callsOf('slow').length;
    const own = [1, 2, 3].map(() => ada.call('mischief__slow', { ms: 800 }));
    await eventually(() => upstream.callsOf('slow').length === before + 3);
    expect(await ada.call('mischief__echo', { message: 'x' })).toMatchObject({ error: { code: -31004, message: expect.stringContaining('of yours') } });
    const others = bob.call('mischief__slow', { ms: 500 });
    await eventually(() => upstream.callsOf('slow').length === before + 4);
    expect(await bob.call('mischief__echo', { message: 'x' })).toMatchObject({ error: { code: -31004, message: expect.stringContaining('4 calls are in flight') } });
    await Promise.all([...own, others]);
    expect(await ada.call('mischief__echo', { message: 'x' })).toHaveProperty('result');
  }, 15_000);

  it('of streams of one principal', async () => {
    await Promise.all([ada.initialize(), bob.initialize()]);
    const stop = new AbortController();
    const open = (client: RawClient): Promise<Response> =>
      fetch(gateway.url, { headers: { ...client.headers, accept: 'text/event-stream', 'mcp-session-id': client.session! }, signal: stop.signal });
    const statuses = [(await open(ada)).status, (await open(ada)).status, (await open(ada)).status, (await open(bob)).status];
    expect(statuses).toEqual([200, 200, 429, 200]);
    stop.abort();
    await eventually(
      async () =>
        (await fetch(gateway.url, { headers: { ...ada.headers, accept: 'text/event-stream', 'mcp-session-id': ada.session! }, signal: AbortSignal.timeout(500) })).status === 200,
    );
  });

  it('of tools in one page', async () => {
    await ada.initialize();
    const names: unknown[] = [];
    let cursor: unknown;
    do {
      const { tools, nextCursor } = (await ada.request('tools/list', cursor === undefined ? {} : { cursor: cursor as string }))['result'] as {
        tools: JsonObject[];
        nextCursor?: string;
      };
      expect(tools.length).toBeLessThanOrEqual(5);
      names.push(...tools.map((tool) => tool['name']));
      cursor = nextCursor;
    } while (cursor !== undefined);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(15);
  });

  it('of the life of a session', async () => {
    await ada.initialize();
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    expect((await ada.post({ jsonrpc: '2.0', id: 1, method: 'ping' })).response.status).toBe(404);
  });

  it('of connections', async () => {
    const port = Number(new URL(gateway.url).port);
    const sockets: Socket[] = [];
    let closed = 0;
    for (let index = 0; index < 100; index += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).once('close', () => (closed += 1));
      sockets.push(socket);
    }
    await eventually(() => closed >= 40);
    expect(await gateway.registry.getSingleMetricAsString('customhouse_ingress_connections_refused_total')).toMatch(/total [4-9]\d/);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await ada.post({ jsonrpc: '2.0', id: 1, method: 'ping' })).response.status === 404);
  }, 15_000);

  it('of the time that a connection may be idle', async () => {
    const port = Number(new URL(gateway.url).port);
    const answer = await sendRaw(port, [post('x')], 5_000);
    expect([answer.status, answer.ended]).toEqual([401, true]);
    expect(answer.text.toLowerCase()).toContain('connection: keep-alive');
  }, 10_000);

  it('of the port: one that is taken is said, with what to do', async () => {
    const port = await freePort();
    const first = await Gateway.start({ environment: { CUSTOMHOUSE_INGRESS_PORT: String(port) } });
    await expect(Gateway.start({ environment: { CUSTOMHOUSE_INGRESS_PORT: String(port) } })).rejects.toThrow(CannotListen);
    await expect(Gateway.start({ environment: { CUSTOMHOUSE_INGRESS_PORT: String(port) } })).rejects.toThrow(`port ${port} on 127.0.0.1 is in use`);
    await expect(Gateway.start({ environment: { CUSTOMHOUSE_INGRESS_HOST: '192.0.2.1' } })).rejects.toThrow('this machine has no address 192.0.2.1');
    await first.close();
  }, 30_000);
});
