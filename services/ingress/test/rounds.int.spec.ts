import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { AskingServer, visit } from './support/asking-server.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { RawModernClient, type Answered } from './support/modern.js';
import { RoundsServer } from './support/rounds-server.js';
import { StreamingClient, valueIn } from './support/streaming-client.js';

const everything: JsonObject = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };
const form: JsonObject = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } } };
const sampling: JsonObject = { method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }], maxTokens: 5 } };
const ada: JsonObject = { action: 'accept', content: { name: 'Ada' } };
const sampled: JsonObject = { role: 'assistant', model: 'm', content: { type: 'text', text: 'hello' }, future: [1] };

let gateway: Gateway;
let legacy: AskingServer;
let modern: RoundsServer;
let client: RawModernClient;

beforeAll(async () => {
  [legacy, modern] = await Promise.all([AskingServer.start(), RoundsServer.start()]);
  gateway = await Gateway.start({
    rules: allowEveryMethod,
    environment: { CUSTOMHOUSE_INGRESS_ASK_TIMEOUT_MS: '3000', CUSTOMHOUSE_INGRESS_CALL_TIMEOUT_MS: '2000', CUSTOMHOUSE_INGRESS_ROUNDS_PER_CALL: '3' },
  });
  await gateway.addServer('legacy', legacy.transport);
  await gateway.addServer('modern', modern.transport);
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await legacy?.close();
  await modern?.close();
}, 30_000);
beforeEach(async () => {
  await gateway.activate(allowEveryMethod);
  client = new RawModernClient(gateway.url, everything);
});

const resultOf = ({ message }: Answered): JsonObject => message['result'] as JsonObject;
const valueOf = (answered: Answered): unknown => JSON.parse((resultOf(answered)['content'] as { text: string }[])[0]!.text);
const namesIn = (answered: Answered): string[] => Object.keys(resultOf(answered)['inputRequests'] as JsonObject);

function again(tool: string, args: JsonObject, before: Answered, inputResponses: JsonObject, by = client): Promise<Answered> {
  return by.request('tools/call', { name: tool, arguments: args, inputResponses, requestState: resultOf(before)['requestState']! });
}

async function recordedSince(count: number): Promise<string[]> {
  return (await gateway.events()).slice(count).map(({ type, data }) => `${type} ${(data as { method?: string }).method ?? ''}`.trim());
}

describe('what a legacy server asks of a modern client', () => {
  it('ends the request, and the call goes on when the client is back with the answer', async () => {
    const before = (await gateway.events()).length;
    const first = await client.request('tools/call', { name: 'legacy__ask', arguments: form });
    expect(resultOf(first)).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
    expect(Object.values(resultOf(first)['inputRequests'] as JsonObject)).toEqual([form]);
    const second = await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada });
    expect(valueOf(second)).toEqual({ result: ada });
    expect(resultOf(second)).toMatchObject({ resultType: 'complete', _meta: { 'customhouse/receipt': { call: expect.any(String) } } });
    expect(await recordedSince(before)).toEqual(['call.admitted tools/call', 'call.admitted elicitation/create', 'call.completed', 'call.completed']);
  });

  it('may be several things at once, which the client may answer one by one', async () => {
    const many = { count: 3, request: sampling };
    let answered = await client.request('tools/call', { name: 'legacy__ask_many', arguments: many });
    const asked = new Set<string>();
    for (; resultOf(answered)['resultType'] === 'input_required';) {
      const [name = ''] = namesIn(answered);
      asked.add(name);
      answered = await again('legacy__ask_many', many, answered, { [name]: sampled });
    }
    expect(asked.size).toBe(3);
    expect(valueOf(answered)).toEqual({ answers: [{ result: sampled }, { result: sampled }, { result: sampled }] });
  });

  it('is asked again when the client comes back without it', async () => {
    const first = await client.request('tools/call', { name: 'legacy__ask', arguments: form });
    const second = await again('legacy__ask', form, first, { something: ada });
    expect([resultOf(second)['resultType'], namesIn(second)]).toEqual(['input_required', namesIn(first)]);
    expect(valueOf(await again('legacy__ask', form, second, { [namesIn(first)[0]!]: ada }))).toEqual({ result: ada });
  });

  it('may be to visit a page first, which is an error only where that cannot be asked', async () => {
    const first = await client.request('tools/call', { name: 'legacy__visit', arguments: {} });
    expect(resultOf(first)['inputRequests']).toEqual({ 'page-1': { method: 'elicitation/create', params: visit } });
    expect(valueOf(await again('legacy__visit', {}, first, { 'page-1': { action: 'accept' } }))).toEqual({ visited: true });
    const other = await new RawModernClient(gateway.url, { elicitation: { form: {} } }).request('tools/call', { name: 'legacy__visit', arguments: {} });
    expect(other).toMatchObject({ status: 400, message: { error: { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } } } });
  });

  it('does not reach a client that did not declare that it can be asked', async () => {
    const answered = await new RawModernClient(gateway.url, {}).request('tools/call', { name: 'legacy__ask', arguments: form });
    expect(valueOf(answered)).toMatchObject({ error: { code: -32601 } });
  });

  it('is given up after a while, and a client that comes back later hears how the call went without it', async () => {
    const first = await client.request('tools/call', { name: 'legacy__ask', arguments: form });
    await eventually(async () => (await gateway.events()).at(-1)!.type === 'call.completed');
    const late = await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada });
    expect(valueOf(late)).toMatchObject({ error: { message: expect.stringContaining('did not answer in time') } });
  });
});

describe('the state of a round', () => {
  const start = (): Promise<Answered> => client.request('tools/call', { name: 'legacy__ask', arguments: form });
  const refused = { message: { error: { code: -32602, message: expect.stringContaining('requestState') } } };

  it('counts once', async () => {
    const first = await start();
    await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada });
    expect(await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada })).toMatchObject(refused);
  });

  it('counts for the same request only', async () => {
    const first = await start();
    expect(await again('legacy__ask', sampling, first, {})).toMatchObject(refused);
    expect(await again('legacy__ask_many', form, first, {})).toMatchObject(refused);
    expect(valueOf(await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada }))).toEqual({ result: ada });
  });

  it('counts for its own caller only', async () => {
    const key = await gateway.issueKey({ person: 'bob@example.com' });
    const first = await start();
    const bob = new RawModernClient(gateway.url, everything, { authorization: `Bearer ${key}` });
    expect(await again('legacy__ask', form, first, {}, bob)).toMatchObject(refused);
    expect(valueOf(await again('legacy__ask', form, first, { [namesIn(first)[0]!]: ada }))).toEqual({ result: ada });
  });

  it.each([
    ['altered', (state: string) => `${state}-x`],
    ['made up', () => 'x'],
    ['no text', () => 7],
  ])('does not count when it is %s', async (_what, change) => {
    const first = await start();
    const requestState = change(String(resultOf(first)['requestState']));
    expect(await client.request('tools/call', { name: 'legacy__ask', arguments: form, inputResponses: {}, requestState })).toMatchObject(refused);
  });

  it.each([null, [], 7, { name: 7 }])('comes with answers that are objects, not %j', async (inputResponses) => {
    expect(await client.request('tools/call', { name: 'legacy__ask', arguments: form, inputResponses })).toMatchObject({ message: { error: { code: -32602 } } });
  });
});

describe('what a modern server asks', () => {
  const questions: JsonObject[] = [{ user: form, thought: sampling }, { more: form }];

  it('of a modern client has the names that the server gives it, and all goes into one call', async () => {
    const before = (await gateway.events()).length;
    const first = await client.request('tools/call', { name: 'modern__ask', arguments: { questions } });
    expect(resultOf(first)['inputRequests']).toEqual({ user: form, thought: sampling });
    const second = await again('modern__ask', { questions }, first, { user: ada, thought: sampled });
    expect(namesIn(second)).toEqual(['more']);
    const third = await again('modern__ask', { questions }, second, { more: ada });
    expect(valueOf(third)).toEqual({ user: ada, thought: sampled, more: ada });
    const recorded = await recordedSince(before);
    expect([recorded[0], recorded.at(-1), recorded.length]).toEqual(['call.admitted tools/call', 'call.completed', 8]);
  });

  it('of a modern client may have been answered before it was asked', async () => {
    const answered = await client.request('tools/call', { name: 'modern__ask', arguments: { questions: [{ user: form }] }, inputResponses: { user: ada, unknown: ada } });
    expect(valueOf(answered)).toEqual({ user: ada });
  });

  it('of a legacy client comes as requests on the stream of its call', async () => {
    const old = new StreamingClient([gateway.url], {}, everything);
    await old.initialize();
    const { id, stream } = await old.call('modern__ask', { questions });
    const elicited = await stream.method('elicitation/create');
    expect(elicited['params']).toEqual(form['params']);
    await old.post({ id: elicited['id']!, result: ada });
    const sampledFor = await stream.method('sampling/createMessage');
    await old.post({ id: sampledFor['id']!, result: sampled });
    await eventually(() => stream.messages.filter(({ method }) => method === 'elicitation/create').length === 2);
    await old.post({ id: stream.messages.filter(({ method }) => method === 'elicitation/create')[1]!['id']!, result: ada });
    expect(valueIn(await stream.answer(id))).toEqual({ user: ada, thought: sampled, more: ada });
  });

  it('of a legacy client gets an id where its era wants one: of the page that the user is sent to', async () => {
    const old = new StreamingClient([gateway.url], {}, everything);
    await old.initialize();
    const page = { mode: 'url', message: 'Sign in', url: 'https://example.com/sign-in' };
    const { id, stream } = await old.call('modern__ask', { questions: [{ page: { method: 'elicitation/create', params: page } }] });
    const elicited = await stream.method('elicitation/create');
    expect(elicited['params']).toEqual({ ...page, elicitationId: expect.stringMatching(/./) });
    await old.post({ id: elicited['id']!, result: { action: 'accept' } });
    expect(valueIn(await stream.answer(id))).toEqual({ page: { action: 'accept' } });
  });

  it('is refused where no rule allows it: a form is cancelled, and what has no such answer fails the call', async () => {
    await gateway.activate([{ id: 'tools', effect: 'allow', reason: 'a test', tools: ['*/*'] }]);
    const cancelled = await client.request('tools/call', { name: 'modern__ask', arguments: { questions: [{ user: form }] } });
    expect(valueOf(cancelled)).toEqual({ user: { action: 'cancel' } });
    const failed = await client.request('tools/call', { name: 'modern__ask', arguments: { questions: [{ thought: sampling }] } });
    expect(failed.message).toMatchObject({ error: { data: { rule: 'refused' } } });
  });

  it('may be nothing but another attempt', async () => {
    expect(valueOf(await client.request('tools/call', { name: 'modern__again', arguments: {} }))).toEqual({ rounds: 2 });
  });

  it('has an end', async () => {
    const { message } = await client.request('tools/call', { name: 'modern__without-end', arguments: {} });
    expect(message['error']).toMatchObject({ code: -32603, message: expect.stringContaining('CUSTOMHOUSE_INGRESS_ROUNDS_PER_CALL') });
  });

  it('may be a capability that the client does not have', async () => {
    expect(await client.request('tools/call', { name: 'modern__lacking', arguments: {} })).toMatchObject({
      status: 400,
      message: { error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } } },
    });
  });
});

describe('the SDK, in the modern era', () => {
  it.each([
    ['a legacy server', 'legacy__ask', form, { result: ada }],
    ['a modern server', 'modern__ask', { questions: [{ user: form }, { more: form }] }, { user: ada, more: ada }],
  ] as [string, string, JsonObject, unknown][])('answers what %s asks, by itself', async (_what, name, args, expected) => {
    const sdk = new Client({ name: 'sdk', version: '1.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: {} } });
    sdk.setRequestHandler('elicitation/create', () => ada as { action: 'accept'; content: { name: string } });
    await sdk.connect(new StreamableHTTPClientTransport(new URL(gateway.url)));
    const { content } = (await sdk.callTool({ name, arguments: args })) as { content: { text: string }[] };
    expect(JSON.parse(content[0]!.text)).toEqual(expected);
    await sdk.close();
  });
});

describe('arguments that travel in headers', () => {
  const send = (headers: Record<string, string | undefined>): Promise<Answered> =>
    client.request('tools/call', { name: 'modern__header', arguments: { region: 'Zürich' } }, {}, headers);

  it('are compared, and written anew for the server', async () => {
    expect(valueOf(await send({ 'mcp-param-region': '=?base64?WsO8cmljaA==?=' }))).toEqual({ header: '=?base64?WsO8cmljaA==?=' });
  });

  it.each([{ 'mcp-param-region': 'Bern' }, {}])('are refused when they say something else: %j', async (headers) => {
    expect(await send(headers)).toMatchObject({ status: 400, message: { error: { code: -32020, data: { header: 'mcp-param-region' } } } });
  });
});
