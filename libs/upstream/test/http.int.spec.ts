import { afterEach, describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { HttpClient } from '../src/http-client.js';
import { openUpstream, type UpstreamOptions } from '../src/open-upstream.js';
import { UpstreamFailed, type CallOptions, type Upstream } from '../src/upstream.js';
import { answerJson, eventually, startStandIn, type Behaviour, type StandIn } from './stand-in.js';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
});

async function connect(
  behaviour: Behaviour,
  more: Partial<UpstreamOptions> = {},
  onGet?: Parameters<typeof startStandIn>[1],
): Promise<{ upstream: Upstream; server: StandIn; client: HttpClient }> {
  const server = await startStandIn(behaviour, onGet);
  opened.push(server);
  const client = new HttpClient();
  opened.push(client);
  const upstream = await openUpstream({ kind: 'http', url: server.url }, { clientInfo: { name: 'test', version: '1' }, http: client, ...more });
  opened.push(upstream);
  return { upstream, server, client };
}

const limits: CallOptions = { timeout_ms: 3_000, max_bytes: 100_000 };
const failure = (promise: Promise<unknown>): Promise<UpstreamFailed> =>
  promise.then(
    () => Promise.reject(new Error('expected a failure')),
    (error: unknown) => {
      if (error instanceof UpstreamFailed) return error;
      throw error;
    },
  );
const sse = (...events: unknown[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

describe('an HTTP upstream', () => {
  it('shakes hands, names the session and the revision afterwards, and keeps unknown members', async () => {
    const { upstream, server } = await connect((message, response) =>
      answerJson(response, { jsonrpc: '2.0', id: message['id'], result: { content: [{ type: 'hologram', depth: 3 }], extra: { kept: [1] } } }),
    );
    expect(upstream.protocol).toBe('2025-11-25');
    expect(upstream.initialized['serverInfo']).toEqual({ name: 'stand-in', version: '1', nested: { unknown: true } });
    const answer = await upstream.call({ method: 'tools/call', params: { name: 'x', arguments: { a: 1 } } }, limits);
    expect(answer).toEqual({ result: { content: [{ type: 'hologram', depth: 3 }], extra: { kept: [1] } } });
    const posts = server.received.filter((one) => one.method === 'POST');
    expect(posts.map((one) => one.message?.['method'])).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
    expect(posts[0]!.headers['mcp-session-id']).toBeUndefined();
    expect(posts[2]!.headers).toMatchObject({ 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25', 'accept-encoding': 'identity' });
  });

  it('passes a JSON-RPC error on as an answer, unknown members included', async () => {
    const error = { code: -32602, message: 'no such tool', data: { hint: 1 }, more: true };
    const { upstream } = await connect((message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], error }));
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ error });
  });

  it('reads an answer from a stream, with the messages before it', async () => {
    const { upstream } = await connect((message, response) => {
      const token = (message['params'] as { _meta: { progressToken: number } })._meta.progressToken;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(
        sse(
          { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1 } },
          { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } },
          { jsonrpc: '2.0', id: message['id'], result: { ok: true } },
          { jsonrpc: '2.0', id: message['id'], result: { ok: 'a second result for the same id' } },
        ),
      );
    });
    const seen: JsonObject[] = [];
    const answer = await upstream.call(
      { method: 'tools/call', params: { name: 'x', _meta: { progressToken: 'secret-token', other: 1 } } },
      { ...limits, onMessage: (message) => seen.push(message) },
    );
    expect(answer).toEqual({ result: { ok: true } });
    expect(seen.map((message) => message['params'])).toEqual([
      { progressToken: 'secret-token', progress: 1 },
      { level: 'info', data: 'x' },
    ]);
  });

  it("never sends the caller's progress token, and keeps the rest of _meta", async () => {
    const { upstream, server } = await connect((message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} }));
    await upstream.call({ method: 'tools/call', params: { name: 'x', _meta: { progressToken: 'secret-token', other: 1 } } }, limits);
    const sent = server.received.at(-1)!.message!;
    expect(sent['params']).toEqual({ name: 'x', _meta: { progressToken: sent['id'], other: 1 } });
  });

  it('says "not sent" when nobody listens', async () => {
    const { upstream, server } = await connect(() => undefined);
    await server.close();
    // Until the idle connection's end has been seen here, a request may still be written to it, which would rightly be "maybe".
    await new Promise((resolve) => setTimeout(resolve, 100));
    const failed = await failure(upstream.call({ method: 'tools/call' }, limits));
    expect([failed.reason, failed.sent]).toEqual(['unreachable', 'no']);
    expect(failed.message).toMatch(/ECONNREFUSED/);
  });

  it('says "maybe sent" when the server dies in the middle of the call', async () => {
    const { upstream } = await connect((_message, _response, request) => request.socket.destroy());
    const failed = await failure(upstream.call({ method: 'tools/call' }, limits));
    expect([failed.reason, failed.sent]).toEqual(['closed', 'maybe']);
  });

  it('gives up on a server that hangs, tells it, and says "maybe sent"', async () => {
    const { upstream, server } = await connect(() => undefined);
    const failed = await failure(upstream.call({ method: 'tools/call' }, { ...limits, timeout_ms: 150 }));
    expect([failed.reason, failed.sent]).toEqual(['timeout', 'maybe']);
    const told = await eventually(() => server.received.find((one) => one.message?.['method'] === 'notifications/cancelled'), 'a cancellation');
    const call = server.received.find((one) => one.message?.['method'] === 'tools/call')!;
    expect((told.message!['params'] as JsonObject)['requestId']).toBe(call.message!['id']);
  });

  it('gives up on a server that sends headers and then nothing', async () => {
    const { upstream } = await connect((_message, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"jsonrpc"');
    });
    const failed = await failure(upstream.call({ method: 'tools/call' }, { ...limits, timeout_ms: 150 }));
    expect([failed.reason, failed.sent]).toEqual(['timeout', 'maybe']);
  });

  it('cancels at the server when the caller cancels', async () => {
    const { upstream, server } = await connect(() => undefined);
    const cancel = new AbortController();
    const call = failure(upstream.call({ method: 'tools/call' }, { ...limits, signal: cancel.signal }));
    await eventually(() => server.received.some((one) => one.message?.['method'] === 'tools/call'), 'the call');
    cancel.abort();
    expect(await call).toMatchObject({ reason: 'cancelled', sent: 'maybe' });
    await eventually(() => server.received.some((one) => one.message?.['method'] === 'notifications/cancelled'), 'a cancellation');
  });

  it('sends nothing for a call that was cancelled before it began', async () => {
    const { upstream, server } = await connect(() => undefined);
    const before = server.received.filter((one) => one.method === 'POST').length;
    expect(await failure(upstream.call({ method: 'tools/call' }, { ...limits, signal: AbortSignal.abort() }))).toMatchObject({ reason: 'cancelled', sent: 'no' });
    expect(server.received.filter((one) => one.method === 'POST')).toHaveLength(before);
  });

  it('says "not sent" for a call that timed out while it waited for a connection, and never sends it later', async () => {
    const server = await startStandIn((message, response) => setTimeout(() => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} }), 400));
    const client = new HttpClient({ connections: 1 });
    opened.push(server, client);
    const upstream = await openUpstream({ kind: 'http', url: server.url }, { clientInfo: { name: 'test', version: '1' }, http: client });
    opened.push(upstream);
    const first = upstream.call({ method: 'first' }, limits);
    const second = await failure(upstream.call({ method: 'second' }, { ...limits, timeout_ms: 100 }));
    expect([second.reason, second.sent]).toEqual(['timeout', 'no']);
    await first;
    await upstream.call({ method: 'third' }, limits);
    expect(server.received.map((one) => one.message?.['method'])).not.toContain('second');
  });

  it.each<[string, Behaviour]>([
    ['text that is not JSON', (_m, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>')],
    ['another id', (m, response) => answerJson(response, { jsonrpc: '2.0', id: Number(m['id']) + 1, result: {} })],
    ['a result that is no object', (m, response) => answerJson(response, { jsonrpc: '2.0', id: m['id'], result: 'x' })],
    ['a result and an error', (m, response) => answerJson(response, { jsonrpc: '2.0', id: m['id'], result: {}, error: { code: 1, message: 'x' } })],
    ['nothing', (_m, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end()],
    ['an event that is not JSON', (_m, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {\n\n')],
    [
      'a compressed body',
      (_m, response) => void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000))),
    ],
  ])('refuses %s as malformed', async (_what, behaviour) => {
    const { upstream } = await connect(behaviour);
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'malformed', sent: 'maybe' });
  });

  it.each([
    ['a huge body', 'application/json'],
    ['an endless stream', 'text/event-stream'],
  ])('stops reading %s at the limit', async (_what, type) => {
    let written = 0;
    const { upstream } = await connect((_message, response) => {
      response.writeHead(200, { 'content-type': type });
      const line = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(8_000) } })}\n\n`;
      const push = (): void => {
        while (!response.destroyed) {
          written += line.length;
          if (!response.write(line)) return void response.once('drain', push);
        }
      };
      push();
    });
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'too-large', sent: 'maybe' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBeLessThan(50_000_000);
  });

  it.each([
    [302, 'maybe'],
    [400, 'no'],
    [401, 'no'],
    [429, 'no'],
    [500, 'maybe'],
    [502, 'maybe'],
    [503, 'maybe'],
  ])('takes HTTP %i as a failure that was sent: %s', async (status, sent) => {
    let elsewhere = 0;
    const trap = await startStandIn(() => (elsewhere += 1));
    opened.push(trap);
    const { upstream } = await connect((_message, response) => void response.writeHead(status, { location: trap.url, 'content-type': 'text/plain' }).end('sorry'));
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'http-status', sent });
    expect(elsewhere + trap.received.length).toBe(0);
  });

  it('takes an error with our id in a body of HTTP 400 as the answer', async () => {
    const { upstream } = await connect(
      (message, response) =>
        void response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message['id'], error: { code: -32602, message: 'bad' } })),
    );
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ error: { code: -32602, message: 'bad' } });
  });

  it.each([
    [404, ''],
    [400, JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message: 'Bad Request: No valid session ID provided' } })],
  ])('takes HTTP %i %s as a lost session, ends, and sends nothing more', async (status, body) => {
    const { upstream, server } = await connect((_message, response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(body));
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'session-lost', sent: 'no' });
    expect(await upstream.closed).toBe('session-lost');
    const before = server.received.length;
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'session-lost', sent: 'no' });
    expect(server.received).toHaveLength(before);
  });

  it('continues a stream that the server ended early, by its last event id', async () => {
    let first: unknown;
    const { upstream, server } = await connect(
      (message, response) => {
        first = message['id'];
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('retry: 120\nid: 41\ndata: \n\n');
      },
      {},
      (request, response) => {
        if (request.headers['last-event-id'] !== '41') return void response.writeHead(405).end();
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sse({ jsonrpc: '2.0', id: first, result: { late: true } }));
      },
    );
    const begun = performance.now();
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ result: { late: true } });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(115);
    expect(server.received.filter((one) => one.message?.['method'] === 'tools/call')).toHaveLength(1);
  });

  it('fails a stream that ends without an answer and cannot be continued', async () => {
    const { upstream } = await connect((_message, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'));
    expect(await failure(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'closed', sent: 'maybe' });
  });

  it('hears the standing stream, answers pings, and refuses requests that nobody listens to', async () => {
    const { upstream, server } = await connect(
      () => undefined,
      {},
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(sse({ jsonrpc: '2.0', id: 'p', method: 'ping' }, { jsonrpc: '2.0', id: 7, method: 'roots/list' }));
        setTimeout(() => response.write(sse({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })), 100);
      },
    );
    const answers = (): JsonObject[] => server.received.flatMap((one) => (one.message && !('method' in one.message) ? [one.message] : []));
    await eventually(() => answers().length === 2, 'two answers');
    expect(answers()).toEqual(
      expect.arrayContaining([
        { jsonrpc: '2.0', id: 'p', result: {} },
        { jsonrpc: '2.0', id: 7, error: { code: -32601, message: 'roots/list is not supported by this client' } },
      ]),
    );
    const heard: JsonObject[] = [];
    upstream.onMessage((message) => heard.push(message));
    await eventually(() => heard.length === 1, 'list_changed');
    expect(heard[0]!['method']).toBe('notifications/tools/list_changed');
  });

  it('makes its first call when the standing stream is there, on which the server may ask something', async () => {
    let listening = false;
    const { upstream } = await connect(
      (message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: { listening } }),
      {},
      (_request, response) => {
        setTimeout(() => {
          listening = true;
          response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        }, 100);
      },
    );
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ result: { listening: true } });
  });

  it('does not wait for a standing stream that the server begins with its first word', async () => {
    const { upstream } = await connect(
      (message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} }),
      {},
      () => undefined,
    );
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ result: {} });
  });

  it('takes the answer on the standing stream from a server that ended the stream of the request', async () => {
    let standing: ServerResponse | undefined;
    const { upstream } = await connect(
      (message, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: 1\ndata: \n\n');
        const answer = (): void => void standing!.write(sse({ jsonrpc: '2.0', id: 999, result: {} }, { jsonrpc: '2.0', id: message['id']!, result: { content: [] } }));
        void eventually(() => standing !== undefined, 'the standing stream').then(answer);
      },
      {},
      (_request, response) => void (standing = response.writeHead(200, { 'content-type': 'text/event-stream' })),
    );
    expect(await upstream.call({ method: 'tools/call' }, limits)).toEqual({ result: { content: [] } });
  });

  it('does not take an answer on the standing stream that is larger than the call allows', async () => {
    let standing: ServerResponse | undefined;
    const { upstream } = await connect(
      (message) =>
        void eventually(() => standing !== undefined, 'the standing stream').then(() =>
          standing!.write(sse({ jsonrpc: '2.0', id: message['id']!, result: { text: 'x'.repeat(2_000) } })),
        ),
      {},
      (_request, response) => void (standing = response.writeHead(200, { 'content-type': 'text/event-stream' })),
    );
    expect(await failure(upstream.call({ method: 'tools/call' }, { ...limits, max_bytes: 1_000 }))).toMatchObject({ reason: 'too-large', sent: 'maybe' });
  });

  it('ends the session at the server and its own calls on close', async () => {
    const { upstream, server } = await connect(() => undefined);
    const call = failure(upstream.call({ method: 'tools/call' }, limits));
    await eventually(() => server.received.some((one) => one.message?.['method'] === 'tools/call'), 'the call');
    await upstream.close();
    expect(await call).toMatchObject({ reason: 'closed', sent: 'maybe' });
    expect(server.received.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 'session-1' } });
    expect(await upstream.closed).toBe('closed by us');
  });

  it('sends the headers of a call, but not in place of its own', async () => {
    const { upstream, server } = await connect((message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} }), {
      headers: { Authorization: 'Bearer upstream', 'Mcp-Session-Id': 'forged' },
    });
    await upstream.call({ method: 'tools/call' }, { ...limits, headers: { 'X-Trace': '1', Host: 'evil.example', 'content-length': '3' } });
    expect(server.received.at(-1)!.headers).toMatchObject({ authorization: 'Bearer upstream', 'x-trace': '1', 'mcp-session-id': 'session-1', host: `127.0.0.1:${server.port}` });
  });

  it('accepts an older revision and refuses a newer one', async () => {
    for (const [version, accepted] of [
      ['2024-11-05', true],
      ['2025-06-18', true],
      ['2099-01-01', false],
      ['draft', false],
    ] as const) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => {
          const body = JSON.stringify({ jsonrpc: '2.0', id: 0, result: { protocolVersion: version, capabilities: {}, serverInfo: { name: 'x', version: '1' } } });
          socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const client = new HttpClient();
      const opening = openUpstream(
        { kind: 'http', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` },
        { clientInfo: { name: 'test', version: '1' }, http: client },
      );
      if (accepted) await (await opening).close();
      else expect(await failure(opening)).toMatchObject({ reason: 'unsupported-protocol' });
      await client.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[fe80::1]/', 'http://[::ffff:169.254.169.254]/', 'http://0.0.0.0/', 'http://2852039166/'])(
    'refuses to connect to %s',
    async (url) => {
      const client = new HttpClient();
      opened.push(client);
      expect(await failure(openUpstream({ kind: 'http', url }, { clientInfo: { name: 'test', version: '1' }, http: client }))).toMatchObject({
        reason: 'address-refused',
        sent: 'no',
      });
    },
  );
});
