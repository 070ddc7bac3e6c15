import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let upstream: MischievousServer;
let client: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    environment: { CUSTOMHOUSE_INGRESS_STREAM_AFTER_MS: '200', CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS: '200', CUSTOMHOUSE_INGRESS_ALLOWED_ORIGINS: 'https://console.example' },
    rules: [
      { id: 'allow-everything', effect: 'allow', reason: 'a test', tools: ['*/*'] },
      { id: 'no-status', effect: 'refuse', reason: 'Not that one.', tools: ['mischief/status_*'] },
    ],
  });
  await gateway.addServer('mischief', upstream.transport);
  client = new RawClient(gateway.url);
  await client.initialize();
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

const resultOf = (message: JsonObject): JsonObject => message['result'] as JsonObject;
const errorOf = (message: JsonObject): JsonObject => message['error'] as JsonObject;

describe('initialize', () => {
  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('asked for %s agrees on %s, and gives a session', async (asked, agreed) => {
    const fresh = new RawClient(gateway.url);
    // No earlier revision has tasks.
    const tasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } };
    expect(await fresh.initialize(asked)).toEqual({
      protocolVersion: agreed,
      capabilities: { tools: { listChanged: true }, ...(agreed === '2025-11-25' && { tasks }) },
      serverInfo: { name: 'customhouse', title: 'Customhouse', version: '0.1.0' },
    });
    expect(fresh.session).toMatch(/^[\x21-\x7e]+$/);
  });

  it('at the endpoint of a server introduces that server', async () => {
    const fresh = new RawClient(gateway.url.replace('/mcp', '/servers/mischief/mcp'));
    expect(await fresh.initialize()).toMatchObject({ serverInfo: { name: 'mischievous', version: '1' }, instructions: 'be careful' });
  });

  it.each([
    ['none', undefined],
    ['no revision', { capabilities: {}, clientInfo: { name: 'x', version: '1' } }],
    ['a list of capabilities', { protocolVersion: '2025-11-25', capabilities: [], clientInfo: { name: 'x', version: '1' } }],
    ['nobody who asks', { protocolVersion: '2025-11-25', capabilities: {} }],
    ['capabilities without end', { protocolVersion: '2025-11-25', capabilities: { long: 'x'.repeat(3_000) }, clientInfo: { name: 'x', version: '1' } }],
  ])('refuses its parameters: %s', async (_, params) => {
    const { message } = await new RawClient(gateway.url).post({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    expect(message).toMatchObject({ id: 1, error: { code: -32602 } });
  });
});

describe('a session', () => {
  const status = async (headers: Record<string, string>, url = gateway.url, method = 'POST'): Promise<number> => {
    const answer = await fetch(url, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      ...(method === 'POST' ? { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) } : {}),
    });
    await answer.body?.cancel();
    return answer.status;
  };

  it('is needed for everything after initialize', async () => {
    expect(await status({})).toBe(400);
    expect(await status({}, gateway.url, 'GET')).toBe(400);
    expect(await status({}, gateway.url, 'DELETE')).toBe(400);
  });

  it('that is unknown is not found', async () => {
    expect(await status({ 'mcp-session-id': 'unknown' })).toBe(404);
    expect(await status({ 'mcp-session-id': 'unknown' }, gateway.url, 'GET')).toBe(404);
    expect(await status({ 'mcp-session-id': 'unknown' }, gateway.url, 'DELETE')).toBe(404);
  });

  it("is nobody else's, and of its own endpoint only", async () => {
    const key = await gateway.issueKey();
    expect(await status({ 'mcp-session-id': client.session! })).toBe(200);
    expect(await status({ 'mcp-session-id': client.session!, authorization: `Bearer ${key}` })).toBe(404);
    expect(await status({ 'mcp-session-id': client.session! }, gateway.url.replace('/mcp', '/servers/mischief/mcp'))).toBe(404);
  });

  it('ends by DELETE', async () => {
    const fresh = new RawClient(gateway.url);
    await fresh.initialize();
    expect(await status({ 'mcp-session-id': fresh.session! }, gateway.url, 'DELETE')).toBe(204);
    expect(await status({ 'mcp-session-id': fresh.session! })).toBe(404);
  });
});

describe('tools/list', () => {
  it('shows the tools of all servers under server__tool', async () => {
    const { tools } = resultOf(await client.request('tools/list')) as { tools: JsonObject[] };
    expect(tools.map((tool) => tool['name'])).toContain('mischief__echo');
    expect(tools.every((tool) => String(tool['name']).startsWith('mischief__'))).toBe(true);
  });

  it("shows a server's own names at its own endpoint", async () => {
    const own = new RawClient(gateway.url.replace('/mcp', '/servers/mischief/mcp'));
    await own.initialize();
    const { tools } = resultOf(await own.request('tools/list')) as { tools: JsonObject[] };
    expect(tools.map((tool) => tool['name'])).toContain('echo');
    expect(resultOf(await own.call('echo', { message: 'through' }))).toMatchObject({ content: [{ type: 'text', text: 'through' }] });
  });

  it('does not show what is always refused', async () => {
    const { tools } = resultOf(await client.request('tools/list')) as { tools: JsonObject[] };
    expect(tools.map((tool) => tool['name']).filter((name) => String(name).includes('status'))).toEqual([]);
  });

  it('refuses a cursor that it did not give', async () => {
    expect(errorOf(await client.request('tools/list', { cursor: 'x' }))).toMatchObject({ code: -32602 });
  });
});

describe('tools/call', () => {
  it('gives what the server answered, unknown content included, with a receipt for the record of it', async () => {
    const result = resultOf(await client.call('mischief__unknown_fields'));
    const receipt = (result['_meta'] as JsonObject)['customhouse/receipt'] as JsonObject;
    expect(result).toEqual({ content: [{ type: 'hologram', future: { deep: [1, 2] } }], futureField: { kept: true }, _meta: { theirs: 1, 'customhouse/receipt': receipt } });
    const event = (await gateway.events()).find((one) => one.id === receipt['event']);
    expect(event).toMatchObject({ type: 'call.completed', data: { call: receipt['call'], error: false } });
    expect(event!.envelope).toMatchObject({ instance: receipt['instance'], epoch: receipt['epoch'], sequence: String(receipt['sequence']).padStart(16, '0') });
  });

  it('is recorded before it is sent and before it is answered, by who asked for what, sealed', async () => {
    const result = resultOf(await client.call('mischief__echo', { message: 'a private matter' }));
    const call = ((result['_meta'] as JsonObject)['customhouse/receipt'] as JsonObject)['call'];
    const events = (await gateway.events()).filter((event) => (event.data as JsonObject)['call'] === call);
    expect(events.map((event) => event.type)).toEqual(['call.admitted', 'call.completed']);
    expect(events[0]!.data).toMatchObject({
      principal: { tenant: 'default', agent: 'development', person: 'developer@localhost', credential: { kind: 'loopback' } },
      client: { name: 'raw', version: '1.0' },
      network: { address: '127.0.0.1' },
      server: 'mischief',
      tool: 'echo',
      exposed: 'mischief__echo',
      record: 'strict',
      decision: { effect: 'allow', rules: [{ id: 'allow-everything' }] },
    });
    for (const event of events) expect(Buffer.from(event.bytes).toString()).not.toContain('private matter');
    const { arguments: sealed } = events[0]!.data as { arguments: Parameters<typeof gateway.sealer.open>[0] };
    expect(await gateway.sealer.open(sealed)).toBe('{"message":"a private matter"}');
  });

  it('relays an error of the server as it came, recorded without its text', async () => {
    expect(errorOf(await client.call('mischief__error'))).toEqual({ code: -32050, message: 'my own error', data: { x: 1 } });
    const event = (await gateway.events()).findLast((one) => one.type === 'call.failed')!;
    expect(event.data).toMatchObject({ reason: 'upstream-error', message: 'the server answered with the error -32050' });
    expect(Buffer.from(event.bytes).toString()).not.toContain('my own error');
  });

  it("keeps a tool's own error a result", async () => {
    expect(resultOf(await client.call('mischief__tool_error'))).toMatchObject({ isError: true, content: [{ text: 'it went wrong' }] });
    expect((await gateway.events()).findLast((one) => one.type === 'call.completed')!.data).toMatchObject({ error: true });
  });

  it.each([['mischief__nothing'], ['nothing'], ['other__echo'], ['__proto__'], ['constructor']])(
    'of the unknown tool %s is refused, recorded, and says how to find others',
    async (name) => {
      const error = errorOf(await client.call(name));
      expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('tools/list'), data: { rule: 'invalid-params', reason: 'unknown-tool' } });
      const event = (await gateway.events()).findLast((one) => one.type === 'call.refused')!;
      expect(event.data).toMatchObject({ exposed: name, definition: null, reason: 'unknown-tool', call: (error['data'] as JsonObject)['call'] });
    },
  );

  it('that policy refuses is a result that says why, is recorded, and reaches no server', async () => {
    const result = resultOf(await client.call('mischief__status_500'));
    expect(result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('Not that one. (rule no-status)') }],
      _meta: { 'customhouse/decision': { effect: 'refuse' } },
    });
    expect((await gateway.events()).findLast((one) => one.type === 'call.refused')!.data).toMatchObject({ reason: 'no-status', tool: 'status_500' });
    expect(upstream.callsOf('status_500')).toEqual([]);
  });

  it('of a tool whose changed definition nobody has accepted is refused and says so', async () => {
    await gateway.publishTool('mischief', { name: 'new_one', inputSchema: {} }, 99, [], 'quarantined');
    await eventually(async () => errorOf(await client.call('mischief__new_one'))['message'] === 'the tool "mischief__new_one" waits for its definition to be accepted');
  });

  it.each([
    ['none', undefined],
    ['no name', {}],
    ['a number for a name', { name: 7 }],
    ['an empty name', { name: '' }],
    ['a name without end', { name: 'x'.repeat(257) }],
    ['a list of arguments', { name: 'mischief__echo', arguments: [] }],
    ['a text for arguments', { name: 'mischief__echo', arguments: 'x' }],
  ])('refuses its parameters: %s', async (_, params) => {
    expect(errorOf(await client.request('tools/call', params as JsonObject))).toMatchObject({ code: -32602, data: { rule: 'invalid-params' } });
  });

  it('without arguments is one with none', async () => {
    expect(resultOf(await client.request('tools/call', { name: 'mischief__unknown_fields' }))).toMatchObject({ futureField: { kept: true } });
    expect(upstream.callsOf('unknown_fields').at(-1)!.params).toEqual({ name: 'unknown_fields', arguments: {} });
  });

  it("sends nothing of the request that is not recorded, and no token of the client's", async () => {
    const key = await gateway.issueKey();
    const other = new RawClient(gateway.url, { authorization: `Bearer ${key}` });
    await other.initialize();
    await other.call('mischief__echo', { message: 'm' }, { _meta: { theirs: 'x', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }, unknown: 'y' });
    const { params, headers } = upstream.callsOf('echo').at(-1)!;
    expect(params).toEqual({
      name: 'echo',
      arguments: { message: 'm' },
      unknown: 'y',
      _meta: { theirs: 'x', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    });
    expect(JSON.stringify(headers)).not.toContain('chk_');
    expect(headers['authorization']).toBeUndefined();
    const { data, envelope } = (await gateway.events()).findLast((one) => one.type === 'call.admitted')!;
    expect(envelope.traceparent).toBe('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
    expect(JSON.parse(await gateway.sealer.open((data as JsonObject)['extra'] as never))).toEqual({ unknown: 'y', _meta: { theirs: 'x' } });
  });

  it('does not let a credential through, neither in a result nor in an error', async () => {
    const result = resultOf(await client.call('mischief__leak'));
    expect(JSON.stringify(result)).not.toMatch(/ghp_/);
    expect(result['_meta']).toMatchObject({ 'customhouse/findings': [expect.objectContaining({ rule: 'credential' })] });
    expect((await gateway.events()).findLast((one) => one.type === 'call.completed')!.data).toMatchObject({ findings: [expect.objectContaining({ rule: 'credential' })] });
    expect(JSON.stringify(await client.call('mischief__leak_in_error'))).not.toMatch(/ghp_/);
  });

  it('that takes long is answered as a stream that shows signs of life', async () => {
    const answer = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': client.session! },
      body: JSON.stringify({ jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'mischief__slow', arguments: { ms: 2_500 } } }),
    });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toMatch(/^id: [\w-]+\nretry: 1000\ndata: \n\n: waiting\n\n(?:: waiting\n\n)*event: message\nid: [\w-]+\ndata: \{"jsonrpc":"2.0","id":77,"result"/);
  });

  it('that takes long waits in silence for a client that takes no stream', async () => {
    const { response, message } = await client.post(
      { jsonrpc: '2.0', id: 78, method: 'tools/call', params: { name: 'mischief__slow', arguments: { ms: 1_500 } } },
      { accept: 'application/json' },
    );
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(message).toMatchObject({ id: 78, result: { content: [{ text: 'slow' }] } });
  });

  it('is cancelled by notifications/cancelled, at the server too, and ends once in the log', async () => {
    const before = upstream.callsOf('hang').length;
    const hanging = client.post({ jsonrpc: '2.0', id: 'cancel-me', method: 'tools/call', params: { name: 'mischief__hang', arguments: {} } });
    await eventually(() => upstream.callsOf('hang').length > before);
    expect((await client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'cancel-me', reason: 'changed my mind' } })).response.status).toBe(202);
    const { events, message } = await hanging;
    expect([events, message]).toEqual([[], undefined]);
    await eventually(() => upstream.cancelled.length > 0);
    const admitted = (await gateway.events()).findLast((event) => event.type === 'call.admitted' && (event.data as JsonObject)['tool'] === 'hang')!;
    const call = (admitted.data as JsonObject)['call'];
    expect((await gateway.events()).filter((event) => (event.data as JsonObject)['call'] === call).map((event) => [event.type, (event.data as JsonObject)['reason']])).toEqual([
      ['call.admitted', undefined],
      ['call.outcome.lost', 'cancelled'],
    ]);
  });

  it('goes on when its client goes away after it was sent, and its outcome is recorded', async () => {
    const before = (await gateway.events()).length;
    const going = new AbortController();
    const gone = fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'mcp-session-id': client.session! },
      body: JSON.stringify({ jsonrpc: '2.0', id: 79, method: 'tools/call', params: { name: 'mischief__slow', arguments: { ms: 400 } } }),
      signal: going.signal,
    });
    const slow = upstream.callsOf('slow').length;
    await eventually(() => upstream.callsOf('slow').length > slow);
    going.abort();
    await expect(gone).rejects.toThrow();
    await eventually(async () => (await gateway.events()).length === before + 2);
    expect((await gateway.events()).slice(-2).map((event) => event.type)).toEqual(['call.admitted', 'call.completed']);
  });
});

describe('other messages', () => {
  it('ping is answered', async () => {
    expect(await client.request('ping')).toMatchObject({ result: {} });
  });

  it.each([['tools/unknown'], ['constructor'], ['']])('the method "%s" is not served', async (method) => {
    expect(errorOf(await client.request(method))).toMatchObject({ code: -32601, data: { rule: 'method-not-found' } });
  });

  it('notifications and answers are taken without an answer', async () => {
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/unknown' },
      { jsonrpc: '2.0', id: 5, result: {} },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'never-seen' } },
    ]) {
      const { response, message: answer } = await client.post(message);
      expect([response.status, answer]).toEqual([202, undefined]);
    }
  });

  it('batches are answered together in the revision that has them', async () => {
    const old = new RawClient(gateway.url);
    await old.initialize('2025-03-26');
    const { message } = await old.post([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'mischief__echo', arguments: { message: 'in a batch' } } },
      { jsonrpc: '2.0', id: 3, method: 'initialize', params: {} },
      { not: 'a message' },
    ]);
    const answers = message as JsonObject[];
    expect(answers.map((answer) => answer['id']).sort()).toEqual([1, 2, 3, null].sort());
    expect(answers.find((answer) => answer['id'] === 2)).toMatchObject({ result: { content: [{ text: 'in a batch' }] } });
    expect(answers.find((answer) => answer['id'] === 3)).toMatchObject({ error: { code: -32600 } });
    expect((await old.post([{ jsonrpc: '2.0', method: 'notifications/initialized' }])).response.status).toBe(202);
    expect((await old.post([])).response.status).toBe(400);
    expect((await old.post(Array.from({ length: 21 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' })))).response.status).toBe(400);
  });

  it('batches are refused in the revisions without them', async () => {
    const { response, message } = await client.post([{ jsonrpc: '2.0', id: 1, method: 'ping' }]);
    expect([response.status, message]).toMatchObject([400, { error: { code: -31023, data: { rule: 'batch-not-allowed' } } }]);
  });
});

describe('the notification stream', () => {
  it('tells that the list of tools changed, and shows signs of life', async () => {
    const stop = new AbortController();
    const answer = await fetch(gateway.url, { headers: { accept: 'text/event-stream', 'mcp-session-id': client.session! }, signal: stop.signal });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    void answer
      .body!.pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write: (chunk) => void (text += chunk) }))
      .catch(() => undefined);
    await gateway.publishTool('mischief', { name: 'brand_new', inputSchema: {} }, 100);
    await eventually(() => text.includes('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'));
    await eventually(() => text.includes(': waiting'));
    stop.abort();
  });

  it('is refused to a client that does not take one', async () => {
    const answer = await fetch(gateway.url, { headers: { accept: 'application/json', 'mcp-session-id': client.session! } });
    expect(answer.status).toBe(406);
  });
});

describe('web pages', () => {
  it('of a permitted origin may call and read', async () => {
    const preflight = await fetch(gateway.url, { method: 'OPTIONS', headers: { origin: 'https://console.example', 'access-control-request-method': 'POST' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://console.example']);
    const { response } = await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { origin: 'https://console.example' });
    expect([response.status, response.headers.get('access-control-allow-origin'), response.headers.get('access-control-expose-headers')]).toEqual([
      200,
      'https://console.example',
      'mcp-session-id, www-authenticate',
    ]);
  });

  it('of another origin may not, not even ask', async () => {
    const preflight = await fetch(gateway.url, { method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    expect((await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { origin: 'https://evil.example' })).response.status).toBe(403);
  });
});
