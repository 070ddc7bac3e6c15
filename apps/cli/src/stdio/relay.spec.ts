import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import type { JsonObject } from '../values.js';
import { relay } from './relay.js';

interface Arrived {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly message: JsonObject;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A relay between the test and a gateway that the test plays. */
class Bench {
  readonly arrived: Arrived[] = [];
  readonly said: JsonObject[] = [];
  readonly notes: string[] = [];
  readonly input = new PassThrough();
  readonly #stop = new AbortController();
  #text = '';
  ended!: Promise<void>;

  static async start(gateway: (arrived: Arrived, response: ServerResponse) => void): Promise<Bench> {
    const bench = new Bench();
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const arrived = { method: request.method!, headers: request.headers, message: (text === '' ? {} : JSON.parse(text)) as JsonObject };
        bench.arrived.push(arrived);
        gateway(arrived, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    const output = new PassThrough();
    output.on('data', (chunk: Buffer) => bench.#hear(chunk.toString()));
    bench.ended = relay({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
      key: 'chk_1234567890abcdef',
      input: bench.input,
      output,
      note: (text) => bench.notes.push(text),
      signal: bench.#stop.signal,
      drain_ms: 5_000,
    });
    closers.push(() => {
      bench.#stop.abort();
      return bench.ended;
    });
    return bench;
  }

  say(...messages: unknown[]): void {
    for (const message of messages) this.input.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  }

  answer(id: unknown): Promise<JsonObject> {
    return this.until(() => this.said.find((message) => message['id'] === id && !('method' in message)));
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    for (const end = performance.now() + 5_000; ;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > end) throw new Error(`it did not happen; said so far: ${JSON.stringify(this.said)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  posts(): Arrived[] {
    return this.arrived.filter(({ method }) => method === 'POST');
  }

  #hear(text: string): void {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop()!;
    for (const line of lines) this.said.push(JSON.parse(line) as JsonObject);
  }
}

const json = (response: ServerResponse, message: unknown, status = 200, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(message));
const result = (message: JsonObject, value: object): JsonObject => ({ jsonrpc: '2.0', id: message['id'], result: value });
const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } } };
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };

/** Opens sessions s1, s2, … and leaves the rest to the test. */
function legacy(answer: (arrived: Arrived, response: ServerResponse) => void): (arrived: Arrived, response: ServerResponse) => void {
  let sessions = 0;
  return (arrived, response) => {
    const { message, method } = arrived;
    if (method === 'DELETE') return void response.writeHead(204).end();
    if (message['method'] === 'initialize')
      return json(response, result(message, { protocolVersion: '2025-06-18', capabilities: {} }), 200, { 'mcp-session-id': `s${(sessions += 1)}` });
    if (message['method'] === 'notifications/initialized') return void response.writeHead(202).end();
    answer(arrived, response);
  };
}

const modern = (id: number, method: string, params: object = {}): JsonObject => ({
  ...{ jsonrpc: '2.0', id, method },
  params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } },
});

describe('the relay in the legacy era', () => {
  it('holds back what is said before the session is there, and names session and revision afterwards', async () => {
    const bench = await Bench.start(
      legacy(({ message, method }, response) => (method === 'GET' ? void response.writeHead(405).end() : json(response, result(message, { unknown: [1] })))),
    );
    bench.say(initialize, initialized, { jsonrpc: '2.0', id: 'a', method: 'tools/list' });
    expect(await bench.answer('a')).toEqual({ jsonrpc: '2.0', id: 'a', result: { unknown: [1] } });
    const listed = bench.posts().find(({ message }) => message['method'] === 'tools/list')!;
    expect(listed.headers).toMatchObject({ authorization: 'Bearer chk_1234567890abcdef', 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-06-18' });
    bench.input.end();
    await bench.ended;
    expect(bench.arrived.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 's1' } });
  });

  it('passes on what comes before an answer, and what comes on the standing stream', async () => {
    const bench = await Bench.start(
      legacy(({ message, method }, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const notice = { jsonrpc: '2.0', method: `notifications/${method}` };
        response.write(`: sign of life\n\nevent: message\ndata: ${JSON.stringify(notice)}\n\n`);
        if (method === 'POST') response.end(`data: ${JSON.stringify(result(message, { ok: true }))}\n\n`);
      }),
    );
    bench.say(initialize, initialized, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: {} });
    expect(await bench.answer(2)).toMatchObject({ result: { ok: true } });
    await bench.until(() => bench.said.find((message) => message['method'] === 'notifications/GET'));
    const place = (method: string): number =>
      bench.said.findIndex((message) => message['method'] === method || ('result' in message && message['id'] === 2 && method === 'answer'));
    expect(place('notifications/POST')).toBeLessThan(place('answer'));
  });

  it('asks for the rest of a stream that broke', async () => {
    const bench = await Bench.start(
      legacy(({ method, headers }, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        if (method === 'POST') response.end('retry: 10\nid: e1\ndata: \n\n');
        else if (headers['last-event-id'] === 'e1') response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 2, result: { late: true } })}\n\n`);
      }),
    );
    bench.say(initialize, { jsonrpc: '2.0', id: 2, method: 'tools/call' });
    expect(await bench.answer(2)).toMatchObject({ result: { late: true } });
  });

  it('opens another session when the gateway does not know the first, without the client', async () => {
    const bench = await Bench.start(
      legacy(({ message, headers, method }, response) => {
        if (method === 'GET') return void response.writeHead(405).end();
        if (headers['mcp-session-id'] === 's2') return json(response, result(message, { again: true }));
        json(response, { jsonrpc: '2.0', id: null, error: { code: -31014, message: 'ended', data: { rule: 'session-unknown' } } }, 404);
      }),
    );
    bench.say(initialize, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, { jsonrpc: '2.0', id: 3, method: 'tools/list' });
    expect(await bench.answer(2)).toMatchObject({ result: { again: true } });
    expect(await bench.answer(3)).toMatchObject({ result: { again: true } });
    expect(bench.said.map((message) => message['id']).sort()).toEqual([1, 2, 3]);
    expect(bench.posts().filter(({ message }) => message['method'] === 'initialize')).toHaveLength(2);
  });

  it('gives an error about the whole request to the request, and says nothing of a refused notification', async () => {
    const bench = await Bench.start(legacy((_arrived, response) => json(response, { jsonrpc: '2.0', id: null, error: { code: -31010, message: 'who are you?' } }, 401)));
    bench.say(initialize, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, { jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    expect(await bench.answer(2)).toEqual({ jsonrpc: '2.0', id: 2, error: { code: -31010, message: 'who are you?' } });
    await bench.until(() => (bench.notes.length > 0 ? true : undefined));
    expect(bench.notes).toEqual(['customhouse stdio: the gateway refused a message with HTTP 401']);
    expect(bench.said).toHaveLength(2);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['a broken connection', (response) => response.destroy(), 'outcome-unknown'],
    ['a stream without the answer', (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'), 'outcome-unknown'],
    ['a page of a proxy', (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'), 'outcome-unknown'],
    ['a redirect', (response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), 'outcome-unknown'],
  ])('answers a request after %s', async (_what, behave, rule) => {
    const bench = await Bench.start(legacy((_arrived, response) => behave(response)));
    bench.say(initialize, { jsonrpc: '2.0', id: 2, method: 'tools/call' });
    expect(await bench.answer(2)).toMatchObject({ error: { data: { rule } } });
  });

  it('answers a line that is no JSON, and goes on', async () => {
    const bench = await Bench.start(legacy(({ message }, response) => json(response, result(message, {}))));
    bench.say('{', '', initialize);
    expect(await bench.answer(null)).toMatchObject({ error: { code: -32700 } });
    expect(await bench.answer(1)).toHaveProperty('result');
  });
});

describe('the relay in the modern era', () => {
  const definition = { name: 'where', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } };

  it('makes the headers from the message', async () => {
    const bench = await Bench.start(({ message }, response) => json(response, result(message, {})));
    bench.say(modern(1, 'resources/read', { uri: 'note:///ä' }));
    await bench.answer(1);
    expect(bench.posts()[0]!.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'resources/read', 'mcp-name': '=?base64?bm90ZTovLy/DpA==?=' });
    expect(bench.posts()[0]!.headers['mcp-session-id']).toBeUndefined();
  });

  it.each([true, false])('sends marked arguments as headers, which it finds out where nobody listed tools (listed: %s)', async (listed) => {
    const bench = await Bench.start(({ message, headers }, response) => {
      if (message['method'] === 'tools/list') return json(response, result(message, { tools: [definition] }));
      if (headers['mcp-param-region'] !== 'eu') return json(response, { jsonrpc: '2.0', id: message['id'], error: { code: -32020, message: 'header' } }, 400);
      json(response, result(message, { ok: true }));
    });
    if (listed) {
      bench.say(modern(1, 'tools/list'));
      await bench.answer(1);
    }
    bench.say(modern(2, 'tools/call', { name: 'where', arguments: { region: 'eu' } }));
    expect(await bench.answer(2)).toMatchObject({ result: { ok: true } });
    expect(bench.posts().filter(({ message }) => message['method'] === 'tools/call')).toHaveLength(listed ? 1 : 2);
    expect(bench.said).toHaveLength(listed ? 2 : 1);
  });

  it('ends the stream of a request that is cancelled, and sends no notification', async () => {
    let gone = false;
    const bench = await Bench.start((_arrived, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.once('close', () => (gone = true));
    });
    bench.say(modern(7, 'tools/call', { name: 'x' }));
    await bench.until(() => (bench.posts().length === 1 ? true : undefined));
    bench.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    await bench.until(() => (gone ? true : undefined));
    expect(bench.posts()).toHaveLength(1);
    expect([bench.said, bench.notes]).toEqual([[], []]);
  });
});
