import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { post, sendRaw } from './support/raw-http.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let upstream: MischievousServer;
let client: RawClient;
let port: number;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    environment: {
      CUSTOMHOUSE_INGRESS_BODY_BYTES: '100000',
      CUSTOMHOUSE_INGRESS_HEADER_BYTES: '8192',
      CUSTOMHOUSE_INGRESS_JSON_DEPTH: '20',
      CUSTOMHOUSE_INGRESS_JSON_KEYS: '1000',
      CUSTOMHOUSE_INGRESS_HEADER_TIMEOUT_MS: '800',
      CUSTOMHOUSE_INGRESS_BODY_TIMEOUT_MS: '1500',
    },
  });
  await gateway.addServer('mischief', upstream.transport);
  client = new RawClient(gateway.url);
  await client.initialize();
  port = Number(new URL(gateway.url).port);
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

// Whatever a stranger sends: the next one is served, nothing reached a server, and nothing went wrong inside.
afterEach(async () => {
  expect(await client.request('ping')).toMatchObject({ result: {} });
  expect(gateway.logLines.filter((line) => Number(line['level']) >= 50)).toEqual([]);
});

const call = (args: string, id = '1'): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"mischief__echo","arguments":${args}}}`;
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('a body that is no message', () => {
  it.each<[string, string, number, number]>([
    ['empty', '', 400, -32700],
    ['no JSON', 'hello', 400, -32700],
    ['half of one', '{"jsonrpc":"2.0","id":1', 400, -32700],
    ['two of them', '{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":1,"method":"ping"}', 400, -32700],
    ['a text', '"ping"', 400, -32600],
    ['a number', '7', 400, -32600],
    ['null', 'null', 400, -32600],
    ['nothing in it', '{}', 400, -32600],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600],
    ['the id null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600],
    ['an object for an id', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600],
    ['half a number for an id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, -32600],
    ['a number for a method', '{"jsonrpc":"2.0","id":1,"method":7}', 400, -32600],
    ['a list of parameters', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 400, -32600],
    ['both a call and an answer', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', 400, -32600],
    ['two members of one name, the last of which counts', '{"jsonrpc":"2.0","id":1,"method":"ping","method":7}', 400, -32600],
    ['deep', `{"jsonrpc":"2.0","id":1,"method":"ping","params":${nested(20)}}`, 400, -31021],
    ['very deep', `${'['.repeat(49_000)}`, 400, -31021],
    ['wide', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[${'1,'.repeat(2_000)}1]}}`, 400, -31022],
    ['long', `"${'x'.repeat(100_000)}"`, 413, -31020],
  ])('%s', async (_, body, status, code) => {
    const { response, message } = await client.post(body);
    expect([response.status, (message as { error: JsonObject }).error['code'], (message as JsonObject)['id']]).toEqual([status, code, null]);
    expect((message as { error: { message: string } }).error.message).toMatch(/^[a-z].{10,}/);
  });

  it('in another encoding', async () => {
    const { response, message } = await client.post(new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]));
    expect([response.status, message]).toMatchObject([400, { error: { code: -32700, message: 'the body is not UTF-8' } }]);
  });
});

describe('arguments that are strange but JSON', () => {
  const last = (): JsonObject => upstream.callsOf('echo').at(-1)!.params['arguments'] as JsonObject;

  it.each([
    ['__proto__', '{"message":"m","__proto__":{"polluted":true}}'],
    ['constructor', '{"message":"m","constructor":{"prototype":{"polluted":true}}}'],
    ['a lone surrogate', '{"message":"\\ud800"}'],
    ['NUL', '{"message":"a\\u0000b"}'],
    ['line separators', '{"message":"\\u2028\\u2029\\n\\r"}'],
    ['minus zero and exponents', '{"message":"m","n":[-0,1e3,1E-7,123456789012]}'],
    ['empty names', '{"message":"m","":{"":[]}}'],
    ['names that look like indices', '{"message":"m","10":1,"9":2}'],
    ['depth just within the limit', `{"message":"m","d":${nested(16)}}`],
  ])('arrive as they were sent: %s', async (_, args) => {
    const { message } = await client.post(call(args));
    expect(message).toHaveProperty('result');
    // Compared as text: an object with a member `__proto__` equals one without it otherwise.
    const sorted = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, item]) => [key, sorted(item)])
        : value;
    expect(JSON.stringify(sorted(last()))).toBe(JSON.stringify(sorted(JSON.parse(args))));
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });

  it('are refused when they hold a number that nobody could pass on', async () => {
    const before = upstream.callsOf('echo').length;
    const { message } = await client.post(call('{"message":"m","n":1e400}'));
    expect(message).toMatchObject({ id: 1, error: { code: -32602, data: { rule: 'invalid-params' } } });
    expect(upstream.callsOf('echo')).toHaveLength(before);
  });

  it('are the last of several with one name, in the record and at the server', async () => {
    await client.post(call('{"message":"first","message":"last"}'));
    expect(last()).toEqual({ message: 'last' });
  });
});

describe('ids', () => {
  it.each([['7'], ['"seven"'], ['""'], ['"\\u0000"'], ['9007199254740991'], ['-1'], ['"__proto__"']])('%s comes back as it was sent', async (id) => {
    const { message } = await client.post(call('{"message":"m"}', id));
    expect((message as JsonObject)['id']).toEqual(JSON.parse(id));
  });
});

describe('HTTP that no library sends', () => {
  it('a path that is not served', async () => {
    for (const path of ['/', '/mcp/', '/servers/unknown/mcp', '/servers/../mcp', '/servers/%2e%2e/mcp', '//mcp', '/MCP']) {
      const { status } = await sendRaw(port, [`POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`]);
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it.each([
    ['PUT', 405],
    ['PATCH', 405],
    ['HEAD', 405],
    ['OPTIONS', 405],
  ])('the method %s', async (method, status) => {
    expect((await sendRaw(port, [`${method} /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`])).status).toBe(status);
  });

  it.each<[string, string, number | undefined]>([
    ['no host', 'POST /mcp HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', 400],
    ['another host', 'POST /mcp HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', 403],
    ['two lengths', 'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
    ['a length and chunks (smuggling)', 'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x', 400],
    ['an unknown encoding of the transfer', 'POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n', 400],
    ['a folded header', 'POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-a: 1\r\n b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', undefined],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a header without end', `POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['headers without end', `POST /mcp HTTP/1.1\r\nhost: localhost\r\n${Array.from({ length: 3_000 }, (_, index) => `x-${index}: 1\r\n`).join('')}\r\n`, 431],
  ])('%s', async (_, text, status) => {
    const answer = await sendRaw(port, [text], 1_000);
    if (status === undefined) expect([400, 401, 415]).toContain(answer.status);
    else expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4))).toMatchObject({ jsonrpc: '2.0', id: null, error: { message: expect.any(String) } });
  });

  it('a body that says nothing of its length is measured as it comes', async () => {
    const chunk = `${(10_000).toString(16)}\r\n${'x'.repeat(10_000)}\r\n`;
    const head = `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
    const answer = await sendRaw(port, [head, ...Array.from({ length: 20 }, () => chunk)], 5_000);
    expect([answer.status, answer.ended]).toEqual([413, true]);
    expect(answer.text).toContain('body-too-large');
  });

  it('a head that never comes to an end is given up', async () => {
    const answer = await sendRaw(port, ['POST /mcp HTTP/1.1\r\nhost: localhost\r\n', 'x-a: 1\r\n'], 4_000, 100);
    expect(answer).toMatchObject({ status: 408, ended: true, text: expect.stringContaining('"rule":"request-incomplete"') });
  });

  it('a body that never comes to an end is given up', async () => {
    const answer = await sendRaw(port, [post('{"jsonrpc":', { 'content-length': '500' })], 5_000);
    expect(answer).toMatchObject({ status: 408, ended: true });
  });

  it('a client that hangs up in the middle of its body', async () => {
    await sendRaw(port, [post('{"jsonrpc":', { 'content-length': '500' })], 50);
  });

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset=UTF-8', 400],
  ])('the content type %s', async (type, status) => {
    expect((await client.post('x', { 'content-type': type })).response.status).toBe(status);
  });

  it.each([
    ['text/html', 406],
    ['', 406],
    ['application/json', 200],
    ['text/event-stream', 200],
    ['*/*', 200],
  ])('a client that accepts "%s"', async (accept, status) => {
    expect((await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { accept })).response.status).toBe(status);
  });

  it.each<[string, number, object | undefined]>([
    ['2025-11-25', 200, undefined],
    ['2025-06-18', 200, undefined],
    ['2024-11-05', 200, undefined],
    // Its requests say who they are in the body, and this one does not.
    ['2026-07-28', 400, { code: -32602 }],
    ['banana', 400, { code: -32022, data: { supported: ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] } }],
  ])('the protocol revision %s', async (revision, status, error) => {
    const { response, message } = await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-protocol-version': revision });
    expect(response.status).toBe(status);
    if (error !== undefined) expect(message).toMatchObject({ error });
  });
});
