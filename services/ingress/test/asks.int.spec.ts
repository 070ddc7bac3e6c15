import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { AskingServer } from './support/asking-server.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { StreamingClient, valueIn } from './support/streaming-client.js';
import { credential } from './support/upstream.js';

const everything: JsonObject = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
const sampling: JsonObject = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }], maxTokens: 5, unknown: { kept: true } },
};
const sampled: JsonObject = { role: 'assistant', model: 'm', content: { type: 'text', text: 'hello' }, future: [1] };

let gateway: Gateway;
let server: AskingServer;
let client: StreamingClient;

beforeAll(async () => {
  server = await AskingServer.start();
  gateway = await Gateway.start({
    rules: allowEveryMethod,
    environment: { CUSTOMHOUSE_INGRESS_ASK_TIMEOUT_MS: '3000', CUSTOMHOUSE_INGRESS_CALL_TIMEOUT_MS: '2000', CUSTOMHOUSE_INGRESS_ASKS_PER_CALL: '2' },
  });
  await gateway.addServer('asker', server.transport);
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await server?.close();
}, 30_000);

beforeEach(async () => {
  await gateway.activate(allowEveryMethod);
  client = await connected(everything);
});

async function connected(capabilities: JsonObject): Promise<StreamingClient> {
  const made = new StreamingClient([gateway.url], {}, capabilities);
  await made.initialize();
  return made;
}

/** Events of calls that were recorded since the test began. */
async function recordedSince(count: number): Promise<string[]> {
  return (await gateway.events()).slice(count).map(({ type, data }) => `${type} ${(data as { method?: string }).method ?? ''}`.trim());
}

describe('what a server asks of the client of a call', () => {
  it('comes on the stream of the call, and the answer goes back, both whole and recorded', async () => {
    const before = (await gateway.events()).length;
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    expect(asked['params']).toEqual(sampling['params']);
    expect(asked['id']).not.toBe('up-1');
    const accepted = await client.post({ id: asked['id']!, result: sampled });
    expect(accepted.response.status).toBe(202);
    expect(valueIn(await stream.answer(id))).toEqual({ result: sampled });
    expect(await recordedSince(before)).toEqual(['call.admitted tools/call', 'call.admitted sampling/createMessage', 'call.completed', 'call.completed']);
  });

  it.each([
    [
      'elicitation/create',
      { message: 'Your name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } },
      { action: 'accept', content: { name: 'Ada' } },
    ],
    ['elicitation/create', { mode: 'url', message: 'Log in', url: 'https://example.com/login', elicitationId: 'e1' }, { action: 'decline' }],
    ['roots/list', {}, { roots: [{ uri: 'file:///work', name: 'work' }] }],
  ] as [string, JsonObject, JsonObject][])('may be %s %j', async (method, params, result) => {
    const { id, stream } = await client.call('asker__ask', { method, params });
    const asked = await stream.method(method);
    expect(asked['params']).toEqual(params);
    await client.post({ id: asked['id']!, result });
    expect(valueIn(await stream.answer(id))).toEqual({ result });
  });

  it('may be answered with an error, which the server gets as it is', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    await client.post({ id: asked['id']!, error: { code: -1, message: 'User rejected sampling request', data: { x: 1 } } });
    expect(valueIn(await stream.answer(id))).toEqual({ error: { code: -1, message: 'User rejected sampling request', data: { x: 1 } } });
  });

  it('is refused without bothering the client when no rule allows it, and the refusal is recorded', async () => {
    await gateway.activate([
      { id: 'tools', effect: 'allow', reason: 'a test', tools: ['*/*'] },
      { ...allowEveryMethod[0]!, id: 'others', methods: ['roots/list'] },
      { id: 'sometimes', effect: 'allow', reason: 'x', methods: ['sampling/createMessage'], tools: ['asker/other'] },
    ]);
    const before = (await gateway.events()).length;
    const { id, stream } = await client.call('asker__ask', sampling);
    const { error } = valueIn(await stream.answer(id)) as { error: JsonObject };
    expect(error).toMatchObject({ code: -31025, data: { rule: 'refused', rules: ['default-deny'] } });
    expect(stream.messages).toHaveLength(1);
    expect(await recordedSince(before)).toEqual(['call.admitted tools/call', 'call.refused sampling/createMessage', 'call.completed']);
  });

  it('is refused where a person would have to approve it: nobody can wait for that', async () => {
    await gateway.activate([...allowEveryMethod, { id: 'ask-somebody', effect: 'hold', reason: 'A person decides.', methods: ['sampling/createMessage'], tools: ['*/*'] }]);
    const { id, stream } = await client.call('asker__ask', sampling);
    const { error } = valueIn(await stream.answer(id)) as { error: JsonObject };
    expect(error).toMatchObject({ code: -31025, data: { rules: expect.arrayContaining(['hold-not-possible']) } });
  });

  it('is refused when the client did not declare that it can be asked', async () => {
    const other = await connected({ elicitation: {} });
    for (const [request, code] of [
      [sampling, -32601],
      [{ method: 'roots/list', params: {} }, -32601],
      [{ method: 'elicitation/create', params: { mode: 'url', message: 'x', url: 'https://example.com', elicitationId: 'e' } }, -32602],
      [{ method: 'tools/list', params: {} }, -32601],
    ] as [JsonObject, number][]) {
      const { id, stream } = await other.call('asker__ask', request);
      expect(valueIn(await stream.answer(id))).toMatchObject({ error: { code } });
      expect(stream.messages).toHaveLength(1);
    }
  });

  it('does not count against the time of the call', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    // Longer than a server may take to answer a call.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await client.post({ id: asked['id']!, result: sampled });
    expect(valueIn(await stream.answer(id))).toEqual({ result: sampled });
  });

  it('has a limit of time of its own, of which client and server are told', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    expect((await stream.method('notifications/cancelled'))['params']).toMatchObject({ requestId: asked['id'] });
    expect(valueIn(await stream.answer(id))).toMatchObject({ error: { code: -31003 } });
    const late = await client.post({ id: asked['id']!, result: sampled });
    expect(late.response.status).toBe(202);
  });

  it('may be as many at once as the limit says, and no more', async () => {
    const { id, stream } = await client.call('asker__ask_many', { count: 3, request: sampling });
    await eventually(() => stream.messages.filter(({ method }) => method === 'sampling/createMessage').length === 2);
    for (const asked of stream.messages.filter(({ method }) => method === 'sampling/createMessage')) await client.post({ id: asked['id']!, result: sampled });
    const { answers } = valueIn(await stream.answer(id)) as { answers: JsonObject[] };
    expect(answers.filter(({ result }) => result !== undefined)).toHaveLength(2);
    expect(answers.find(({ error }) => error !== undefined)).toMatchObject({ error: { code: -31004 } });
  });

  it('is taken back from the client when the server no longer wants to know', async () => {
    const { id, stream } = await client.call('asker__abandon', sampling);
    const asked = await stream.method('sampling/createMessage');
    server.release();
    expect((await stream.method('notifications/cancelled'))['params']).toMatchObject({ requestId: asked['id'] });
    expect(valueIn(await stream.answer(id))).toEqual({ abandoned: true });
  });

  it('is taken back when the client cancels the call that it belongs to', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    const before = (await gateway.events()).length;
    await client.post({ method: 'notifications/cancelled', params: { requestId: id } });
    await eventually(async () => (await recordedSince(before)).length === 2);
    expect(await recordedSince(before)).toEqual(['call.outcome.lost', 'call.outcome.lost']);
    const late = await client.post({ id: asked['id']!, result: sampled });
    expect(late.response.status).toBe(202);
  });

  it('can be answered in the session that was asked only', async () => {
    const other = await connected(everything);
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    await other.post({ id: asked['id']!, result: { stolen: true } });
    await client.post({ id: asked['id']!, result: sampled });
    await client.post({ id: asked['id']!, result: { second: true } });
    expect(valueIn(await stream.answer(id))).toEqual({ result: sampled });
  });

  it('has credentials taken out of the answer', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    await client.post({ id: asked['id']!, result: { ...sampled, content: { type: 'text', text: `the token is ${credential}` } } });
    const value = JSON.stringify(valueIn(await stream.answer(id)));
    expect(value).toContain('the token is');
    expect(value).not.toContain(credential);
  });

  it('shows the server the progress of the client, under its own token', async () => {
    const { id, stream } = await client.call('asker__ask', { ...sampling, params: { ...(sampling['params'] as JsonObject), _meta: { progressToken: 'theirs' } } });
    const asked = await stream.method('sampling/createMessage');
    const { progressToken } = (asked['params'] as { _meta: JsonObject })._meta;
    expect(progressToken).not.toBe('theirs');
    await client.post({ method: 'notifications/progress', params: { progressToken: progressToken!, progress: 0.5, message: 'thinking' } });
    await eventually(() => server.notifications.some(({ method }) => method === 'notifications/progress'));
    expect(server.notifications.find(({ method }) => method === 'notifications/progress')!['params']).toEqual({ progressToken: 'theirs', progress: 0.5, message: 'thinking' });
    await client.post({ id: asked['id']!, result: sampled });
    await stream.answer(id);
  });

  it('goes to a client that takes no stream as an error', async () => {
    const plain = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'mcp-session-id': client.session },
      body: JSON.stringify({ jsonrpc: '2.0', id: 99, method: 'tools/call', params: { name: 'asker__ask', arguments: sampling } }),
    });
    expect(valueIn((await plain.json()) as JsonObject)).toMatchObject({ error: { code: -31002 } });
  });
});

describe('a server is told of a client', () => {
  const declared = (): unknown => server.initialized.at(-1)!['capabilities'];

  it('what that client declared, on a connection of its own', async () => {
    const other = await connected({ roots: {}, elicitation: { url: {} }, experimental: { x: {} } });
    const { id, stream } = await other.call('asker__tell', { messages: [] });
    await stream.answer(id);
    expect(declared()).toEqual({ roots: {}, elicitation: { url: {} } });
    const connections = server.initialized.length;
    const same = await connected({ elicitation: { url: {} }, roots: {} });
    const again = await same.call('asker__tell', { messages: [] });
    await again.stream.answer(again.id);
    expect(server.initialized).toHaveLength(connections);
  });

  it('nothing that the policy could never allow it', async () => {
    await gateway.activate([{ ...allowEveryMethod[0]!, methods: ['tools/call', 'roots/list'] }]);
    const { id, stream } = await (await connected(everything)).call('asker__tell', { messages: [] });
    await stream.answer(id);
    expect(declared()).toEqual({ roots: { listChanged: true } });
  });

  it('that its roots changed, and asks for them on the standing stream', async () => {
    // No other test has this profile, so the server has a connection of its own for it.
    const mover = await connected({ roots: {}, elicitation: {} });
    const standing = await mover.listen();
    const connections = server.standing;
    const { id, stream } = await mover.call('asker__tell', { messages: [] });
    await stream.answer(id);
    await mover.post({ method: 'notifications/roots/list_changed' });
    await eventually(() => server.notifications.some(({ method }) => method === 'notifications/roots/list_changed'));
    await eventually(() => server.standing > connections);
    const before = (await gateway.events()).length;
    const answers = server.answers.length;
    server.demand('roots/list', {});
    const asked = await standing.method('roots/list');
    await mover.post({ id: asked['id']!, result: { roots: [] } });
    await eventually(() => server.answers.slice(answers).some(({ result }) => result !== undefined));
    const [event] = (await gateway.events()).slice(before);
    expect(event).toMatchObject({ type: 'call.admitted', data: { method: 'roots/list', server: 'asker', tool: '', exposed: '' } });
    expect((event!.data as JsonObject)['during']).toBeUndefined();
    standing.break();
  });
});

describe('what a server tells the client in the course of a call', () => {
  it('comes on the stream of the call: progress under the token of the client, logging, and what nobody knows yet', async () => {
    const messages: JsonObject[] = [
      { method: 'notifications/message', params: { level: 'info', logger: 'l', data: { deep: [1] } } },
      { method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } },
      { method: 'notifications/future', params: { x: 1 } },
    ];
    const { id, stream } = await client.call('asker__tell', { messages });
    await stream.answer(id);
    expect(stream.messages.slice(0, -1)).toEqual(messages.map((message) => ({ jsonrpc: '2.0', ...message })));
  });

  it('has credentials taken out', async () => {
    const { id, stream } = await client.call('asker__tell', { messages: [{ method: 'notifications/message', params: { level: 'info', data: `token ${credential}` } }] });
    await stream.answer(id);
    expect(stream.messages).toHaveLength(2);
    expect(JSON.stringify(stream.messages)).not.toContain(credential);
  });
});

describe('what a server says outside of calls', () => {
  it('comes on the standing stream of the clients that use it', async () => {
    const standing = await client.listen();
    const { id, stream } = await client.call('asker__tell', { messages: [] });
    await stream.answer(id);
    await eventually(() => server.standing > 0);
    await eventually(() => {
      server.announce('notifications/message', { level: 'error', data: 'outside' });
      return standing.messages.some(({ method }) => method === 'notifications/message');
    });
    expect(await standing.method('notifications/message')).toEqual({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'error', data: 'outside' } });
    standing.break();
  });
});
