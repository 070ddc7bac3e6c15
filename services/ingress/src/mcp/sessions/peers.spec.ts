import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { noticesPath, Peers } from './peers.js';

const key = randomBytes(32);
const logger = pino({ level: 'silent' });
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

interface Replica {
  readonly url: string;
  readonly received: { request: IncomingMessage; body: Buffer }[];
}

/** Something that listens, and remembers what came. */
async function listening(answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void): Promise<Replica> {
  const received: Replica['received'] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      received.push({ request, body });
      answer(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function peersOf(options: Partial<{ self: string; peers: string[]; timeout_ms: number; key: Buffer }> = {}): Peers {
  const made = new Peers({ self: undefined, peers: [], timeout_ms: 1_000, key, logger, ...options });
  closers.push(() => made.close());
  return made;
}

/** A replica that forwards everything to another one. */
const forwarder = (peers: Peers, to: string): Promise<Replica> => listening((request, response, body) => peers.forward(request, response, body.toString(), to));

const post = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/servers/files/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"a":1}' });

async function eventually(condition: () => boolean): Promise<void> {
  const until = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > until) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a request that is for another replica', () => {
  it('is forwarded whole, with the credentials of the client, and the answer comes back', async () => {
    const other = await listening((_, response) => void response.writeHead(202, { 'content-type': 'application/json', 'mcp-session-id': 's', 'x-internal': 'no' }).end('{"b":2}'));
    const here = await forwarder(peersOf(), other.url);
    const answer = await post(here.url, { authorization: 'Bearer chk_x', 'mcp-session-id': 'S', 'mcp-param-city': 'Delft', origin: 'http://localhost:3000' });
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('mcp-session-id'), answer.headers.get('x-internal'), await answer.text()]).toEqual([
      202,
      'application/json',
      's',
      null,
      '{"b":2}',
    ]);
    const { request, body } = other.received[0]!;
    expect([request.method, request.url, body.toString()]).toEqual(['POST', '/servers/files/mcp', '{"a":1}']);
    expect(request.headers).toMatchObject({
      authorization: 'Bearer chk_x',
      'mcp-session-id': 'S',
      'mcp-param-city': 'Delft',
      'customhouse-forwarded': '1',
      host: new URL(other.url).host,
    });
    expect(request.headers.origin).toBeUndefined();
  });

  it('has its answer streamed as it comes', async () => {
    let more!: () => void;
    const other = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      more = () => response.end('data: 2\n\n');
    });
    const here = await forwarder(peersOf({ timeout_ms: 300 }), other.url);
    const answer = await post(here.url);
    const reader = answer.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('data: 1\n\n');
    // A stream may be silent for longer than a replica may take to begin it.
    await new Promise((resolve) => setTimeout(resolve, 400));
    more();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('data: 2\n\n');
    expect((await reader.read()).done).toBe(true);
  });

  it('is forwarded once only', async () => {
    const other = await listening((_, response) => void response.end());
    const here = await forwarder(peersOf(), other.url);
    expect((await post(here.url, { 'customhouse-forwarded': '1' })).status).toBe(503);
    expect(other.received).toEqual([]);
  });

  it.each([
    ['is not there', () => Promise.resolve('http://127.0.0.1:1')],
    ['does not answer', async () => (await listening(() => undefined)).url],
  ])('is answered soon when that %s', async (_, find) => {
    const here = await forwarder(peersOf({ timeout_ms: 100 }), await find());
    const answer = await post(here.url);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ error: { data: { rule: 'not-ready' } } });
  });

  it('ends at the other replica when its client goes away', async () => {
    let gone = false;
    const other = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      response.once('close', () => (gone = true));
    });
    const here = await forwarder(peersOf(), other.url);
    const abort = new AbortController();
    const answer = await fetch(here.url, { method: 'POST', body: '{}', signal: abort.signal });
    await answer.body!.getReader().read();
    abort.abort();
    await eventually(() => gone);
  });
});

describe('what concerns all replicas', () => {
  it('is shown to each of them but this one, and not shown again by those', async () => {
    const others = [await listening((_, response) => void response.end()), await listening((_, response) => void response.end())];
    const self = 'http://127.0.0.1:1';
    const peers = peersOf({ self, peers: [self, ...others.map(({ url }) => url)] });
    const here = await listening((request, response) => {
      peers.spread(request, { jsonrpc: '2.0', method: 'notifications/cancelled' });
      response.end();
    });
    await post(here.url, { authorization: 'Bearer chk_x' });
    await eventually(() => others.every(({ received }) => received.length === 1));
    expect(others[0]!.received[0]!.request.headers).toMatchObject({ authorization: 'Bearer chk_x', 'customhouse-forwarded': '1' });
    expect(JSON.parse(others[0]!.received[0]!.body.toString())).toEqual({ jsonrpc: '2.0', method: 'notifications/cancelled' });
    await post(here.url, { 'customhouse-forwarded': '1' });
    await post(here.url);
    await eventually(() => others.every(({ received }) => received.length === 2));
  });

  it('reaches the others when one of them is not there', async () => {
    const other = await listening((_, response) => void response.end());
    peersOf({ peers: ['http://127.0.0.1:1', 'http://no-such-name.invalid:80', other.url] }).tell(['S1'], { method: 'x' });
    await eventually(() => other.received.length === 1);
  });
});

describe('what a replica says to another', () => {
  async function said(): Promise<{ request: IncomingMessage; body: Buffer }> {
    const other = await listening((_, response) => void response.end());
    peersOf({ peers: [other.url] }).tell(['S1', 'S2'], { jsonrpc: '2.0', method: 'notifications/message' });
    await eventually(() => other.received.length === 1);
    return other.received[0]!;
  }

  it('is taken from a replica of the same installation', async () => {
    const { request, body } = await said();
    expect(request.url).toBe(noticesPath);
    expect(peersOf().told(request, body, Date.now())).toEqual({ sessions: ['S1', 'S2'], notification: { jsonrpc: '2.0', method: 'notifications/message' } });
  });

  it.each([
    ['of another installation', (request: IncomingMessage, body: Buffer) => peersOf({ key: randomBytes(32) }).told(request, body, Date.now())],
    ['that was altered', (request: IncomingMessage, body: Buffer) => peersOf().told(request, Buffer.from(body.toString().replace('S1', 'S9')), Date.now())],
    ['that is old', (request: IncomingMessage, body: Buffer) => peersOf().told(request, body, Date.now() + 61_000)],
    ['from the future', (request: IncomingMessage, body: Buffer) => peersOf().told(request, body, Date.now() - 61_000)],
    ['without a seal', (_: IncomingMessage, body: Buffer) => peersOf().told({ headers: {} } as IncomingMessage, body, Date.now())],
  ])('is not taken from one %s', async (_, take) => {
    const { request, body } = await said();
    expect(take(request, body)).toBeUndefined();
  });
});
