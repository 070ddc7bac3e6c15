import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { EraMemory } from '../src/era-memory.js';
import { HttpClient } from '../src/http-client.js';
import { openUpstream, type UpstreamOptions } from '../src/open-upstream.js';
import type { CallOptions, Upstream } from '../src/upstream.js';
import { answerHandshake, answerJson } from './stand-in.js';

const script = fileURLToPath(new URL('./bad-child.mjs', import.meta.url));
const limits: CallOptions = { timeout_ms: 3_000, max_bytes: 100_000 };
const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
});

const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  );

/** A server over HTTP that keeps the methods that it was asked for, and leaves the answers to the test. */
async function serve(answer: (message: JsonObject, response: ServerResponse, request: IncomingMessage) => void): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const message = JSON.parse(text) as JsonObject;
      asked.push(message['method'] as string);
      answer(message, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, asked };
}

async function open(url: string, more: Partial<UpstreamOptions> = {}): Promise<Upstream> {
  const http = new HttpClient();
  opened.push(http);
  const upstream = await openUpstream({ kind: 'http', url }, { clientInfo: { name: 'test', version: '1' }, http, ...more });
  opened.push(upstream);
  return upstream;
}

const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' };
const error = (id: unknown, code: number, data?: JsonObject): JsonObject => ({ jsonrpc: '2.0', id, error: { code, message: 'no', ...(data && { data }) } }) as JsonObject;

describe('the era of a server over HTTP', () => {
  it.each<[string, (message: JsonObject, response: ServerResponse) => void]>([
    ['does not know the method', (message, response) => answerJson(response, error(message['id'], -32601))],
    ['wants a session', (_message, response) => void response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error(null, -32000)))],
    ['has nothing there', (_message, response) => void response.writeHead(404).end()],
    ['accepts it without a word', (_message, response) => void response.writeHead(202).end()],
    ['answers anything with an empty result', (message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} })],
    ['gives a session away', (message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: {} }, { 'mcp-session-id': 'too-early' })],
    ['speaks other revisions', (message, response) => answerJson(response, { jsonrpc: '2.0', id: message['id'], result: { ...discovered, supportedVersions: ['2025-11-25'] } })],
    ['refuses the revision', (message, response) => answerJson(response, error(message['id'], -32022, { supported: ['2025-11-25'] }))],
    ['does not answer', () => undefined],
  ])('is legacy where it %s', async (_what, answer) => {
    const sessions: unknown[] = [];
    const server = await serve((message, response, request) => {
      if (message['method'] === 'server/discover') return answer(message, response);
      if (message['method'] === 'initialize') sessions.push(request.headers['mcp-session-id']);
      if (!answerHandshake(message, response)) answerJson(response, { jsonrpc: '2.0', id: message['id'], result: { ok: true } });
    });
    const eras = new EraMemory();
    const first = await open(server.url, { eras, probe_timeout_ms: 300 });
    expect([first.era, first.protocol]).toEqual(['legacy', '2025-11-25']);
    expect(await first.call({ method: 'tools/call' }, limits)).toEqual({ result: { ok: true } });
    expect(sessions).toEqual([undefined]);
    expect(server.asked).toEqual(['server/discover', 'initialize', 'notifications/initialized', 'tools/call']);
    await open(server.url, { eras });
    expect(server.asked.slice(4)).toEqual(['initialize', 'notifications/initialized']);
  });

  it.each([401, 403, 500, 503])('is not decided by HTTP %i', async (status) => {
    const server = await serve((_message, response) => void response.writeHead(status).end());
    expect(await settled(open(server.url))).toMatchObject({ reason: 'http-status', status });
    expect(server.asked).toEqual(['server/discover']);
  });

  it('is asked for once more when a server that was silent refuses initialize', async () => {
    let late = 0;
    const server = await serve((message, response) => {
      if (message['method'] !== 'server/discover') return answerJson(response, error(message['id'], -32022, { supported: ['2026-07-28'] }));
      if ((late += 1) > 1) answerJson(response, { jsonrpc: '2.0', id: message['id'], result: discovered });
    });
    expect((await open(server.url, { probe_timeout_ms: 100 })).era).toBe('modern');
  });

  it('is believed the second time when a server refuses the revision and names it among those it speaks', async () => {
    const server = await serve((message, response) => {
      if (server.asked.length === 1) answerJson(response, error(message['id'], -32022, { supported: ['2026-07-28'] }));
      else answerJson(response, { jsonrpc: '2.0', id: message['id'], result: discovered });
    });
    expect((await open(server.url)).era).toBe('modern');
    expect(server.asked).toEqual(['server/discover', 'server/discover']);
  });

  it('is asked for twice at most of a server that goes on refusing what it names', async () => {
    const server = await serve((message, response) => answerJson(response, error(message['id'], -32022, { supported: ['2026-07-28'] })));
    expect(await settled(open(server.url))).toMatchObject({ reason: 'unsupported-protocol' });
    expect(server.asked).toEqual(['server/discover', 'server/discover', 'initialize']);
  });

  it('is none where the server refuses both, and both are said', async () => {
    const server = await serve((message, response) => answerJson(response, error(message['id'], -32603)));
    expect(await settled(open(server.url))).toMatchObject({ reason: 'unsupported-protocol', message: expect.stringMatching(/initialize.*-32603.*server\/discover.*-32603/) });
  });
});

describe('refusals of a modern server', () => {
  async function modern(answer: (message: JsonObject, response: ServerResponse) => void): Promise<Upstream> {
    const server = await serve((message, response) => {
      if (message['method'] === 'server/discover') answerJson(response, { jsonrpc: '2.0', id: message['id'], result: discovered });
      else answer(message, response);
    });
    return open(server.url);
  }
  const refuse =
    (code: number, withId = true) =>
    (message: JsonObject, response: ServerResponse): void =>
      void response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify(error(withId ? message['id'] : null, code, { requiredCapabilities: { sampling: {} } })));

  it.each([true, false])('of the revision end the connection, so that the call can be sent in a new one (id repeated: %s)', async (withId) => {
    const upstream = await modern(refuse(-32022, withId));
    expect(await settled(upstream.call({ method: 'tools/list' }, limits))).toMatchObject({ reason: 'session-lost', sent: 'no' });
    expect(await upstream.closed).toBe('session-lost');
    expect(await settled(upstream.call({ method: 'tools/list' }, limits))).toMatchObject({ reason: 'session-lost', sent: 'no' });
  });

  it('of the headers are no answer to the caller, who sent none', async () => {
    const upstream = await modern(refuse(-32020));
    expect(await settled(upstream.call({ method: 'tools/list' }, limits))).toMatchObject({ reason: 'http-status', sent: 'no', message: expect.stringContaining('-32020') });
  });

  it('for want of a capability are the answer', async () => {
    const upstream = await modern(refuse(-32021));
    expect(await upstream.call({ method: 'tools/list' }, limits)).toEqual({ error: { code: -32021, message: 'no', data: { requiredCapabilities: { sampling: {} } } } });
  });

  it('of a method come with HTTP 404 and are the answer', async () => {
    const upstream = await modern((message, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(error(message['id'], -32601))));
    expect(await upstream.call({ method: 'no/such' }, limits)).toMatchObject({ error: { code: -32601 } });
  });

  it('do not make it ask for the rest of a broken stream, because nobody keeps one', async () => {
    const upstream = await modern((_message, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: 7\ndata: \n\n'));
    expect(await settled(upstream.call({ method: 'tools/list' }, limits))).toMatchObject({ reason: 'closed', sent: 'maybe' });
  });

  it('never let headers of the caller say something else than the body', async () => {
    const seen: JsonObject[] = [];
    const server = await serve((message, response, request) => {
      seen.push({ ...request.headers } as JsonObject);
      answerJson(response, { jsonrpc: '2.0', id: message['id'], result: discovered });
    });
    const upstream = await open(server.url);
    const definition = { inputSchema: { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } };
    const headers = { 'Mcp-Name': 'other', 'MCP-METHOD': 'other', 'Mcp-Param-Region': 'other', 'Mcp-Param-Unknown': 'kept' };
    await upstream.call({ method: 'tools/call', params: { name: 'Ä', arguments: { region: 'eu' } } }, { ...limits, definition, headers });
    expect(seen[1]).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?w4Q=?=',
      'mcp-param-region': 'eu',
      'mcp-param-unknown': 'kept',
    });
  });
});

describe('the era of a server over stdio', () => {
  it.each(['ends-when-discovered', 'silent-when-discovered'])('is legacy for one that %s', async (mode) => {
    const upstream = await openUpstream(
      { kind: 'stdio', command: process.execPath, args: [script, mode], env: {} },
      { clientInfo: { name: 'test', version: '1' }, http: new HttpClient(), probe_timeout_ms: 2_000, close_timeout_ms: 800 },
    );
    opened.push(upstream);
    expect([upstream.era, upstream.protocol]).toEqual(['legacy', '2025-06-18']);
    expect(await upstream.call({ method: 'x' }, limits)).toEqual({ result: { method: 'x' } });
  });
});
