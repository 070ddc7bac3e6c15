import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { envelope } from '@customhouse/mcp-wire/envelope';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { RawModernClient } from './support/modern.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let upstream: MischievousServer;
let client: RawModernClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    environment: { CUSTOMHOUSE_INGRESS_STREAM_AFTER_MS: '200', CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS: '200', CUSTOMHOUSE_INGRESS_LIST_TTL_MS: '7000' },
    rules: [
      { id: 'allow-everything', effect: 'allow', reason: 'a test', tools: ['*/*'] },
      { id: 'no-status', effect: 'refuse', reason: 'Not that one.', tools: ['mischief/status_*'] },
    ],
  });
  await gateway.addServer('mischief', upstream.transport);
  client = new RawModernClient(gateway.url);
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

const call = (name: string, args: JsonObject = {}, meta: JsonObject = {}): ReturnType<RawModernClient['request']> => client.request('tools/call', { name, arguments: args }, meta);

describe('server/discover', () => {
  it('says what the endpoint is and has, for this caller and a while', async () => {
    const { status, message } = await client.request('server/discover');
    expect(status).toBe(200);
    expect(message['result']).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true }, extensions: { 'io.modelcontextprotocol/tasks': {} } },
      ttlMs: 7_000,
      cacheScope: 'private',
      _meta: { [envelope.serverInfo]: { name: 'customhouse', title: 'Customhouse', version: '0.1.0' } },
    });
  });

  it('at the endpoint of a server introduces that server, of whichever era it is', async () => {
    const { message } = await new RawModernClient(`${gateway.url.slice(0, -4)}/servers/mischief/mcp`).request('server/discover');
    expect(message['result']).toMatchObject({ instructions: 'be careful', _meta: { [envelope.serverInfo]: { name: 'mischievous', version: '1' } } });
  });
});

describe('one endpoint', () => {
  it('serves both eras side by side', async () => {
    const legacy = new RawClient(gateway.url);
    await legacy.initialize();
    const [modern, old] = await Promise.all([call('mischief__echo', { message: 'a' }), legacy.call('mischief__echo', { message: 'b' })]);
    expect(modern.message['result']).toMatchObject({ resultType: 'complete', content: [{ text: 'a' }] });
    expect(old['result']).toMatchObject({ content: [{ text: 'b' }] });
    expect(old['result']).not.toHaveProperty('resultType');
  });

  it.each(['GET', 'DELETE'])('has no %s for the modern era', async (method) => {
    const response = await fetch(gateway.url, { method, headers: { accept: 'text/event-stream', 'mcp-protocol-version': '2026-07-28' } });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('takes notifications, and gives no sessions', async () => {
    const response = await client.open({ jsonrpc: '2.0', method: 'notifications/something' });
    expect([response.status, await response.text(), response.headers.get('mcp-session-id')]).toEqual([202, '', null]);
  });
});

describe('a request', () => {
  const meta = (changes: JsonObject): JsonObject => ({
    [envelope.protocolVersion]: '2026-07-28',
    [envelope.clientCapabilities]: {},
    ...changes,
  });
  it.each<[string, JsonObject, Record<string, string | undefined>, number, number]>([
    ['without an envelope', { jsonrpc: '2.0', id: 5, method: 'tools/list', params: {} }, {}, 400, -32602],
    ['without capabilities', { jsonrpc: '2.0', id: 5, method: 'tools/list', params: { _meta: { [envelope.protocolVersion]: '2026-07-28' } } }, {}, 400, -32602],
    [
      'of another revision than its header says',
      { jsonrpc: '2.0', id: 5, method: 'tools/list', params: { _meta: meta({}) } },
      { 'mcp-protocol-version': '2025-11-25' },
      400,
      -32020,
    ],
    ['without the header of its method', { jsonrpc: '2.0', id: 5, method: 'tools/list', params: { _meta: meta({}) } }, { 'mcp-method': undefined }, 400, -32020],
    [
      'with another name in its header',
      { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'mischief__echo', _meta: meta({}) } },
      { 'mcp-name': 'mischief__hang' },
      400,
      -32020,
    ],
    [
      'of a revision that is none',
      { jsonrpc: '2.0', id: 5, method: 'tools/list', params: { _meta: meta({ [envelope.protocolVersion]: 'v999' }) } },
      { 'mcp-protocol-version': 'v999' },
      400,
      -32022,
    ],
    ['that is an answer', { jsonrpc: '2.0', id: 5, result: {} }, { 'mcp-method': undefined }, 400, -32600],
    ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'unknown/method', 'constructor', 'prompts/list', 'prompts/get'].map(
      (method): [string, JsonObject, Record<string, string | undefined>, number, number] => [
        `with the method ${method}`,
        { jsonrpc: '2.0', id: 5, method, params: { name: 'x', _meta: meta({}) } },
        {},
        404,
        -32601,
      ],
    ),
  ])('%s is refused under its own id', async (_what, message, headers, status, code) => {
    const answer = await client.send(message, headers);
    expect([answer.status, answer.message['id'], (answer.message['error'] as JsonObject)['code']]).toEqual([status, 5, code]);
  });

  it('in a batch is refused', async () => {
    const response = await fetch(gateway.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([client.message('tools/list')]) });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: -32600 } }]);
  });
});

describe('lists', () => {
  it('may be kept by their reader only', async () => {
    const { message } = await client.request('tools/list');
    expect(message['result']).toMatchObject({ resultType: 'complete', ttlMs: 7_000, cacheScope: 'private' });
    const names = ((message['result'] as JsonObject)['tools'] as JsonObject[]).map((tool) => tool['name']);
    expect(names).toContain('mischief__echo');
    expect(names).not.toContain('mischief__status_500');
  });
});

describe('tools/call', () => {
  it('is recorded in a session that is derived from who calls, and from the conversation that the client names', async () => {
    const meta = { 'customhouse/conversation': 'one', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b', baggage: 'c=d' };
    await call('mischief__echo', { message: 'recorded' }, meta);
    await call('mischief__echo', { message: 'recorded' }, meta);
    await call('mischief__echo', { message: 'recorded' }, { 'customhouse/conversation': 'two' });
    const admitted = (await gateway.events()).filter(({ type }) => type === 'call.admitted').slice(-3);
    const sessions = admitted.map(({ data }) => (data as JsonObject)['session']);
    expect([sessions[0] === sessions[1], sessions[1] === sessions[2]]).toEqual([true, false]);
    expect(admitted[0]!.data).toMatchObject({ client: { name: 'raw', version: '1.0' }, method: 'tools/call' });
    expect(upstream.calls.at(-2)!.params['_meta']).toEqual({ ...meta, 'customhouse/conversation': undefined, traceparent: expect.any(String) });
  });

  it('that policy refuses is a complete result', async () => {
    expect((await call('mischief__status_500')).message['result']).toMatchObject({ resultType: 'complete', isError: true });
  });

  it('of an unknown tool is invalid', async () => {
    expect(await call('mischief__nothing')).toMatchObject({ status: 200, message: { error: { code: -32602 } } });
  });

  it('that takes long is a stream that shows signs of life', async () => {
    const { contentType, message } = await call('mischief__slow', { ms: 1_500 });
    expect([contentType, message['result']]).toMatchObject(['text/event-stream', { content: [{ text: 'slow' }] }]);
  });

  it('is cancelled, at the server too, by the end of its stream, and ends once in the log', async () => {
    const stop = new AbortController();
    const before = upstream.cancelled.length;
    const calls = upstream.callsOf('hang').length;
    const pending = client.open(client.message('tools/call', { name: 'mischief__hang', arguments: {} }), {}, stop.signal).catch(() => undefined);
    await eventually(() => upstream.callsOf('hang').length === calls + 1);
    stop.abort();
    await pending;
    await eventually(() => upstream.cancelled.length === before + 1);
    await eventually(async () => (await gateway.events()).some(({ type, data }) => type === 'call.outcome.lost' && (data as JsonObject)['reason'] === 'cancelled'));
  });
});
