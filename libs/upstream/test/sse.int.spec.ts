import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { EraMemory } from '../src/era-memory.js';
import { HttpClient } from '../src/http-client.js';
import { openUpstream, type UpstreamOptions } from '../src/open-upstream.js';
import type { CallOptions, Upstream } from '../src/upstream.js';
import { eventually } from './stand-in.js';

const limits: CallOptions = { timeout_ms: 5_000, max_bytes: 1_000_000 };
const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
});

const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  );

async function open(url: string, more: Partial<UpstreamOptions> = {}): Promise<Upstream> {
  const http = new HttpClient();
  opened.push(http);
  const upstream = await openUpstream({ kind: 'http', url }, { clientInfo: { name: 'test', version: '1' }, http, ...more });
  opened.push(upstream);
  return upstream;
}

/** A server of 2024-11-05: a stream at /sse, and messages to wherever `endpoint` says. */
async function serve(endpoint: string, answer: (message: JsonObject, stream: ServerResponse, post: ServerResponse) => void): Promise<{ url: string; posted: JsonObject[] }> {
  const posted: JsonObject[] = [];
  let stream: ServerResponse | undefined;
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/sse') {
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
      return void stream.write(`event: endpoint\ndata: ${endpoint}\n\n`);
    }
    if (request.url !== '/messages?session=1') return void response.writeHead(request.url === '/sse' ? 405 : 404).end();
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const message = JSON.parse(text) as JsonObject;
      posted.push(message);
      if (message['method'] !== 'initialize' && 'id' in message) return answer(message, stream!, response);
      response.writeHead(202).end('Accepted');
      if (message['method'] === 'initialize')
        say(stream!, { jsonrpc: '2.0', id: message['id'], result: { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: { name: 'old', version: '1' } } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`, posted };
}

function say(stream: ServerResponse, message: unknown): void {
  stream.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

describe('an upstream over HTTP+SSE', () => {
  it('is found where nothing newer answers, and gets its messages where it said', async () => {
    const server = await serve('/messages?session=1', (message, stream, post) => {
      post.writeHead(202).end('Accepted');
      say(stream, { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } });
      say(stream, { jsonrpc: '2.0', id: message['id'], result: { ok: true, unknown: [1] } });
    });
    const eras = new EraMemory();
    const upstream = await open(server.url, { eras });
    expect([upstream.era, upstream.protocol]).toEqual(['legacy', '2024-11-05']);
    expect(eras.of({ kind: 'http', url: server.url })).toBe('sse');
    const heard: JsonObject[] = [];
    upstream.onMessage((message) => heard.push(message));
    expect(await upstream.call({ method: 'tools/call', params: { name: 'x' } }, limits)).toEqual({ result: { ok: true, unknown: [1] } });
    expect(heard).toHaveLength(1);
    expect(server.posted.map((message) => message['method'])).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
  });

  it('is told when nobody waits any more', async () => {
    const server = await serve('/messages?session=1', (_message, _stream, post) => void post.writeHead(202).end());
    const upstream = await open(server.url);
    expect(await settled(upstream.call({ method: 'tools/call' }, { ...limits, timeout_ms: 100 }))).toMatchObject({ reason: 'timeout', sent: 'maybe' });
    const told = await eventually(() => server.posted.find((message) => message['method'] === 'notifications/cancelled'), 'the cancellation');
    expect(told['params']).toMatchObject({ requestId: 1 });
  });

  it('is lost with its stream, and with it what was asked', async () => {
    const server = await serve('/messages?session=1', (_message, stream, post) => {
      post.writeHead(202).end();
      stream.end();
    });
    const upstream = await open(server.url);
    expect(await settled(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'closed', sent: 'maybe' });
    expect(await upstream.closed).toMatch(/ended its event stream/);
    expect(await settled(upstream.call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'closed', sent: 'no' });
  });

  it('says "not sent" for a message that was refused', async () => {
    const server = await serve('/messages?session=1', (_message, _stream, post) => void post.writeHead(400).end());
    expect(await settled((await open(server.url)).call({ method: 'tools/call' }, limits))).toMatchObject({ reason: 'http-status', sent: 'no', status: 400 });
  });

  it('gets nothing at an address that is not its own', async () => {
    const server = await serve('http://127.0.0.1:9/elsewhere', () => undefined);
    expect(await settled(open(server.url))).toMatchObject({ sent: 'no', message: expect.stringContaining('another origin') });
    expect(server.posted).toEqual([]);
  });

  it('is refused an answer or a message above the limits', async () => {
    const server = await serve('/messages?session=1', (message, stream, post) => {
      post.writeHead(202).end();
      say(stream, { jsonrpc: '2.0', id: message['id'], result: { text: 'x'.repeat(Number((message['params'] as JsonObject)['length'])) } });
    });
    const upstream = await open(server.url, { max_message_bytes: 200_000 });
    expect(await settled(upstream.call({ method: 'x', params: { length: 50_000 } }, { ...limits, max_bytes: 10_000 }))).toMatchObject({ reason: 'too-large', sent: 'maybe' });
    expect(await settled(upstream.call({ method: 'x', params: { length: 5_000_000 } }, limits))).toMatchObject({ sent: 'maybe' });
    expect(await upstream.closed).toMatch(/more than 200000 bytes/);
  });
});

describe('server-everything over HTTP+SSE', () => {
  let child: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const script = join(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json'), '..', 'dist', 'index.js');
    child = spawn(process.execPath, [script, 'sse'], { env: { ...process.env, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually(() => said.includes(String(port)), 'the start of server-everything', 15_000);
    url = `http://127.0.0.1:${port}/sse`;
  }, 20_000);
  afterAll(async () => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  });

  it('lists and calls tools, with progress', async () => {
    const upstream = await open(url);
    expect(upstream.era).toBe('legacy');
    const listed = (await upstream.call({ method: 'tools/list' }, limits)) as { result: { tools: JsonObject[] } };
    expect(listed.result.tools.map((tool) => tool['name'])).toContain('echo');
    const seen: JsonObject[] = [];
    const params = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 2 }, _meta: { progressToken: 'mine' } };
    const answer = await upstream.call({ method: 'tools/call', params }, { ...limits, onMessage: (message) => seen.push(message) });
    expect(answer).toHaveProperty('result.content');
    expect(seen.map((message) => (message['params'] as JsonObject)['progressToken'])).toEqual(['mine', 'mine']);
  });
});
