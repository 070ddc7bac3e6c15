import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as ClientV2, SSEClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { AskingServer } from './support/asking-server.js';
import { everythingByStdio, freePort } from './support/everything.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';

const replicas: Gateway[] = [];
let asker: AskingServer;
const opened: { close(): unknown }[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  asker = await AskingServer.start();
  const ports = [await freePort(), await freePort()];
  for (const [index, port] of ports.entries()) {
    const environment = {
      CUSTOMHOUSE_INGRESS_PORT: String(port),
      CUSTOMHOUSE_INGRESS_PEER_URL: `http://127.0.0.1:${port}`,
      CUSTOMHOUSE_INGRESS_STREAMS_PER_PRINCIPAL: '20',
    };
    replicas.push(await Gateway.start({ rules: allowEveryMethod, environment, ...(index === 0 ? {} : { beside: replicas[0]! }) }));
  }
  await replicas[0]!.addServer('everything', everythingByStdio, ['read-only']);
  await replicas[0]!.addServer('asker', asker.transport);
}, 90_000);
afterAll(async () => {
  for (const close of closers) await close();
  for (const replica of replicas.toReversed()) await replica.close();
  await asker?.close();
}, 30_000);
afterEach(async () => {
  for (const part of opened.splice(0)) await part.close();
});

const at = (path: string, replica = 0): URL => new URL(path, replicas[replica]!.url);
const info = { name: 'customhouse-test', version: '1.0.0' };

async function v1(path: string, capabilities: object = {}): Promise<ClientV1> {
  const client = new ClientV1(info, { capabilities });
  await client.connect(new TransportV1(at(path)));
  opened.push(client);
  return client;
}

/** A stream as it is on the wire. */
class RawStream {
  readonly events: { name: string; data: string }[] = [];
  ended = false;
  readonly #stop = new AbortController();

  static async open(url: URL, headers: Record<string, string> = {}): Promise<RawStream> {
    const made = new RawStream();
    const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: made.#stop.signal });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    void made.#read(response).catch(() => undefined);
    opened.push(made);
    await eventually(() => made.events.length > 0);
    return made;
  }

  close(): void {
    this.#stop.abort();
  }

  get endpoint(): string {
    return this.events[0]!.data;
  }

  message(id: number): JsonObject | undefined {
    return this.events
      .slice(1)
      .map(({ data }) => JSON.parse(data) as JsonObject)
      .find((one) => one['id'] === id);
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const lines = text.slice(0, end).split('\n');
        text = text.slice(end + 2);
        const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field('data');
        if (data !== undefined) this.events.push({ name: field('event') ?? 'message', data });
      }
    }
    this.ended = true;
  }
}

const post = (url: URL, message: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof message === 'string' ? message : JSON.stringify(message) });
const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: info } };
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };

describe('clients of HTTP+SSE', () => {
  it('list and call tools, and hear progress (SDK, version 1)', async () => {
    const client = await v1('/sse');
    expect(client.getServerVersion()).toMatchObject({ name: 'customhouse' });
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('everything__echo');
    const seen: number[] = [];
    const result = await client.callTool({ name: 'everything__trigger-long-running-operation', arguments: { duration: 1, steps: 2 } }, undefined, {
      onprogress: ({ progress }) => void seen.push(progress),
    });
    expect(result).toMatchObject({ content: [{ text: expect.stringContaining('completed') }], _meta: { 'customhouse/receipt': { call: expect.any(String) } } });
    expect(seen).toEqual([1, 2]);
  });

  it('see one server without prefixes (SDK, version 2)', async () => {
    const client = new ClientV2(info);
    await client.connect(new TransportV2(at('/servers/everything/sse')));
    opened.push(client);
    expect(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })).toMatchObject({ content: [{ text: 'Echo: hello' }] });
  });

  it('answer what a server asks in the middle of a call', async () => {
    const client = await v1('/sse', { sampling: {} });
    client.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'hello' } }));
    const request = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } };
    const result = await client.callTool({ name: 'asker__ask', arguments: request });
    expect(JSON.stringify(result)).toContain('hello');
  });

  it('hear that a list has changed', async () => {
    const client = await v1('/sse');
    let changes = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void (changes += 1));
    await replicas[0]!.publishTool('everything', { name: 'one-more', inputSchema: { type: 'object' } }, 99);
    await eventually(() => changes > 0);
  });

  it('lose their session with their stream, and their calls are recorded to the end all the same', async () => {
    const stream = await RawStream.open(at('/sse'));
    await post(at(stream.endpoint), initialize);
    await eventually(() => stream.message(1) !== undefined);
    await post(at(stream.endpoint), { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'asker__wait', arguments: {} } });
    await eventually(() => asker.held === 1);
    stream.close();
    await eventually(async () => (await post(at(stream.endpoint), initialized)).status === 404);
    asker.release();
    await eventually(async () => {
      const events = await replicas[0]!.events();
      const admitted = events.find((event) => event.type === 'call.admitted' && (event.data as JsonObject)['tool'] === 'wait');
      return events.some((event) => event.type === 'call.completed' && (event.data as JsonObject)['call'] === (admitted?.data as JsonObject)['call']);
    });
  });
});

describe('a stream of HTTP+SSE', () => {
  it('stays for the answers to calls in flight when the gateway stops', async () => {
    const leaving = await Gateway.start({ rules: allowEveryMethod, beside: replicas[0]! });
    closers.push(() => leaving.close());
    await eventually(() => leaving.ingress.knowsTool('asker', 'wait'));
    const stream = await RawStream.open(new URL('/sse', leaving.url));
    const messages = new URL(stream.endpoint, leaving.url);
    await post(messages, initialize);
    await eventually(() => stream.message(1) !== undefined);
    await post(messages, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'asker__wait', arguments: {} } });
    await eventually(() => asker.held === 1);
    const stopping = leaving.ingress.stop();
    asker.release();
    await stopping;
    await eventually(() => stream.message(2) !== undefined);
    expect(stream.message(2)).toHaveProperty('result');
  }, 30_000);

  it('names the place for messages first, and accepts each message there with 202', async () => {
    const stream = await RawStream.open(at('/sse'));
    expect(stream.events).toEqual([{ name: 'endpoint', data: expect.stringMatching(/^\/messages\/[A-Za-z0-9_-]+$/) }]);
    const response = await post(at(stream.endpoint), initialize);
    expect([response.status, response.headers.get('mcp-session-id')]).toEqual([202, null]);
    await eventually(() => stream.message(1) !== undefined);
    expect(stream.message(1)).toMatchObject({ result: { protocolVersion: '2024-11-05', serverInfo: { name: 'customhouse' } } });
    expect((await post(at(stream.endpoint), initialized)).status).toBe(202);
    await post(at(stream.endpoint), { jsonrpc: '2.0', id: 2, method: 'no/such' });
    await eventually(() => stream.message(2) !== undefined);
    expect(stream.message(2)).toMatchObject({ error: { code: -32601 } });
    expect((await post(at(stream.endpoint), initialize)).status).toBe(400);
  });

  it('is reached through any replica', async () => {
    const stream = await RawStream.open(at('/sse', 0));
    expect((await post(at(stream.endpoint, 1), initialize)).status).toBe(202);
    await eventually(() => stream.message(1) !== undefined);
    await post(at(stream.endpoint, 1), initialized);
    await post(at(stream.endpoint, 1), { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'everything__echo', arguments: { message: 'far' } } });
    await eventually(() => stream.message(2) !== undefined);
    expect(stream.message(2)).toMatchObject({ result: { content: [{ text: 'Echo: far' }] } });
  });

  it('takes messages of nobody else', async () => {
    const [mine, other] = await Promise.all([replicas[0]!.issueKey(), replicas[0]!.issueKey({ agent: 'other' })]);
    const stream = await RawStream.open(at('/sse'), { authorization: `Bearer ${mine}` });
    expect((await post(at(stream.endpoint), initialize, { authorization: `Bearer ${other}` })).status).toBe(404);
    expect((await post(at(stream.endpoint), initialize, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await post(at(stream.endpoint), initialize, { authorization: `Bearer ${mine}` })).status).toBe(202);
  });

  it.each([
    ['a stream that never was', 'POST', '/messages/AAAA', 404],
    ['a message to the stream itself', 'POST', '/sse', 405],
    ['reading where messages go', 'GET', '/messages/AAAA', 405],
    ['a server that is not there', 'GET', '/servers/none/sse', 404],
    ['a toolset that is not there', 'GET', '/sse/none', 404],
  ])('refuses %s', async (_what, method, path, status) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const response = await fetch(at(path), { method, headers, ...(method === 'POST' && { body: JSON.stringify(initialize) }) });
    expect(response.status).toBe(status);
  });

  it.each([
    ['no JSON', '{', 400],
    ['no JSON-RPC', '{"id":1}', 400],
    ['no session yet', JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/list' }), 400],
  ])('refuses a message with %s, and goes on', async (_what, body, status) => {
    const stream = await RawStream.open(at('/sse'));
    expect((await post(at(stream.endpoint), body)).status).toBe(status);
    expect((await post(at(stream.endpoint), initialize)).status).toBe(202);
  });

  it('ends for a client that does not begin', async () => {
    const environment = { CUSTOMHOUSE_INGRESS_HEADER_TIMEOUT_MS: '3000', CUSTOMHOUSE_INGRESS_BODY_TIMEOUT_MS: '3000' };
    const impatient = await Gateway.start({ rules: allowEveryMethod, environment, beside: replicas[0]! });
    closers.push(() => impatient.close());
    // A machine that stalls for longer than this has the request cut off: then it is sent again.
    let stream: RawStream | undefined;
    await eventually(async () => (stream = await RawStream.open(new URL('/sse', impatient.url)).catch(() => undefined)) !== undefined, 30_000);
    await eventually(() => stream!.ended, 30_000);
  }, 90_000);

  it('is counted with the other streams of its caller', async () => {
    const key = await replicas[0]!.issueKey({ agent: 'greedy' });
    const headers = { authorization: `Bearer ${key}` };
    for (let count = 0; count < 20; count += 1) await RawStream.open(at('/sse'), headers);
    expect((await fetch(at('/sse'), { headers: { accept: 'text/event-stream', ...headers } })).status).toBe(429);
  });
});
