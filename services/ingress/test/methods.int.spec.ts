import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { LibraryServer } from './support/library-server.js';
import { RawClient } from './support/mcp.js';
import { credential } from './support/upstream.js';

const shared = 'file:///shared';
let gateway: Gateway;
let books: LibraryServer;
let maps: LibraryServer;
let client: RawClient;
/** At the endpoint of one server. */
let reader: RawClient;

beforeAll(async () => {
  books = await LibraryServer.start('books', ['file:///a', shared]);
  maps = await LibraryServer.start('maps', ['map:///world', shared]);
  gateway = await Gateway.start({ rules: allowEveryMethod });
  await gateway.addLibrary('books', books.transport);
  await gateway.addLibrary('maps', maps.transport);
  client = new RawClient(gateway.url);
  reader = new RawClient(gateway.url.replace('/mcp', '/servers/books/mcp'));
  await eventually(async () => expect(Object.keys((await client.initialize())['capabilities'] as JsonObject)).toContain('logging'));
  await reader.initialize();
  await eventually(async () => expect(((await client.request('resources/list'))['result'] as { resources: unknown[] }).resources).toHaveLength(4));
  await eventually(async () => expect(((await client.request('resources/templates/list'))['result'] as { resourceTemplates: unknown[] }).resourceTemplates).toHaveLength(2));
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await books?.close();
  await maps?.close();
}, 30_000);

beforeEach(() => {
  for (const server of [books, maps]) {
    server.received.length = 0;
    server.answers.clear();
  }
});

const resultOf = (message: JsonObject): JsonObject => message['result'] as JsonObject;
const errorOf = (message: JsonObject): { code: number; message: string; data: JsonObject } => message['error'] as never;

async function withRules<Value>(rules: RuleSet['rules'], work: () => Promise<Value>): Promise<Value> {
  await gateway.activate(rules);
  try {
    return await work();
  } finally {
    await gateway.activate(allowEveryMethod);
  }
}

/** Events that were recorded while the work ran. */
async function recordedBy(work: () => Promise<unknown>): Promise<{ type: string; data: JsonObject }[]> {
  const before = (await gateway.events()).length;
  await work();
  return (await gateway.events()).slice(before).map(({ type, data }) => ({ type, data: data as JsonObject }));
}

describe('the welcome', () => {
  it('offers what the servers of the endpoint have', async () => {
    const capabilities = {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    };
    expect(await new RawClient(gateway.url).initialize()).toMatchObject({ capabilities });
    expect(await new RawClient(reader.url).initialize()).toMatchObject({ capabilities, serverInfo: { name: 'books' } });
  });
});

describe('a request for something else than a tool', () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'prompts/get',
      { name: 'books__greet', arguments: { who: 'Ada' } },
      { name: 'greet', arguments: { who: 'Ada' } },
      { messages: [{ role: 'user', content: { type: 'text', text: 'Hello from books' } }], future: { kept: true } },
    ],
    [
      'resources/read',
      { uri: 'file:///a', future: { kept: true } },
      { uri: 'file:///a', future: { kept: true } },
      { contents: [{ uri: 'file:///a', text: 'text of books', mimeType: 'text/plain', future: 1 }] },
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'books__greet' }, argument: { name: 'who', value: 'A' } },
      { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'A' } },
      { completion: { values: ['one', 'two'], hasMore: false } },
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'books:///{id}' }, argument: { name: 'id', value: '' } },
      { ref: { type: 'ref/resource', uri: 'books:///{id}' }, argument: { name: 'id', value: '' } },
      { completion: { values: ['one', 'two'], hasMore: false } },
    ],
    ['resources/subscribe', { uri: 'file:///a' }, { uri: 'file:///a' }, {}],
    ['resources/unsubscribe', { uri: 'file:///a' }, { uri: 'file:///a' }, {}],
  ])('%s %j reaches its server whole, and its answer comes back whole with a receipt', async (method, params, sent, result) => {
    const answer = await client.request(method, params);
    expect(resultOf(answer)).toEqual({ ...result, _meta: { 'customhouse/receipt': expect.objectContaining({ call: expect.any(String) }) } });
    expect(books.of(method)).toEqual([sent]);
    expect(maps.of(method)).toEqual([]);
  });

  it('is recorded with its method and what it is aimed at, its arguments and its result sealed', async () => {
    const uri = `customhouse://maps/${encodeURIComponent(shared)}`;
    const events = await recordedBy(() => client.request('resources/read', { uri, page: 7 }));
    expect(events.map((event) => event.type)).toEqual(['call.admitted', 'call.completed']);
    const { data } = events[0]!;
    expect(data).toMatchObject({ method: 'resources/read', server: 'maps', tool: shared, exposed: uri, definition: null, labels: [], generation: 1, record: 'strict' });
    expect(JSON.parse(await gateway.sealer.open(data['arguments'] as never))).toEqual({ page: 7 });
    expect(JSON.parse(await gateway.sealer.open(events[1]!.data['result'] as never))).toMatchObject({ contents: [{ uri, text: 'text of maps' }] });
    expect(events[1]!.data).toMatchObject({ error: false });
  });

  it('of a prompt is recorded with the definition that was accepted', async () => {
    const [admitted] = await recordedBy(() => reader.request('prompts/get', { name: 'greet' }));
    expect(admitted!.data).toMatchObject({ method: 'prompts/get', server: 'books', tool: 'greet', exposed: 'greet', definition: expect.stringMatching(/^[\w-]{43}$/), labels: [] });
  });

  it.each<[string, JsonObject, number, string, string]>([
    ['prompts/get', { name: 'books__nothing' }, -32602, 'unknown-prompt', 'there is no prompt "books__nothing"; prompts/list shows those there are'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: '' } }, -32602, 'unknown-prompt', 'there is no prompt "greet"'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'x:///{id}' }, argument: { name: 'id', value: '' } }, -32602, 'unknown-resource', 'resources/templates/list shows'],
    ['resources/read', { uri: 'nothing:///a' }, -32002, 'unknown-resource', 'there is no resource "nothing:///a"'],
    ['resources/subscribe', { uri: 'nothing:///a' }, -32002, 'unknown-resource', 'there is no resource "nothing:///a"'],
    ['resources/read', { uri: shared }, -32602, 'unknown-resource', `customhouse://books/${encodeURIComponent(shared)}, customhouse://maps/${encodeURIComponent(shared)}`],
  ])('%s %j for what is not served is refused with %d by %s, and recorded', async (method, params, code, reason, message) => {
    let answer: JsonObject = {};
    const events = await recordedBy(async () => void (answer = await client.request(method, params)));
    expect(errorOf(answer)).toMatchObject({ code, message: expect.stringContaining(message), data: { reason, call: expect.any(String) } });
    expect(events).toMatchObject([{ type: 'call.refused', data: { method, reason, definition: null, labels: null } }]);
    expect([...books.received, ...maps.received]).toEqual([]);
  });

  it("at a server's own endpoint is its server's to know", async () => {
    books.answers.set('resources/read', { error: { code: -32002, message: 'Resource not found', data: { uri: 'odd:///x' } } });
    expect(await reader.request('resources/read', { uri: 'odd:///x' })).toMatchObject({ error: { code: -32002, message: 'Resource not found', data: { uri: 'odd:///x' } } });
    expect(books.of('resources/read')).toEqual([{ uri: 'odd:///x' }]);
  });

  it('that the policy refuses is an error with the decision, never reaches a server, and is in no list', async () => {
    const noSecrets: RuleSet['rules'][number] = { id: 'no-a', effect: 'refuse', reason: 'Not that one.', methods: ['resources/read'], tools: ['books/file:///a'] };
    await withRules([...allowEveryMethod, noSecrets], async () => {
      const answer = await client.request('resources/read', { uri: 'file:///a' });
      expect(errorOf(answer)).toMatchObject({
        code: -31025,
        message: expect.stringContaining('Refused by policy: Not that one. (rule no-a)'),
        data: { rule: 'refused', effect: 'refuse', rules: ['no-a', 'allow-every-method'], receipt: { call: expect.any(String) } },
      });
      expect(books.received).toEqual([]);
      const { resources } = resultOf(await client.request('resources/list')) as { resources: JsonObject[] };
      expect(resources.map((resource) => resource['uri'])).not.toContain('file:///a');
      // Another method on the same resource is another question.
      expect(await client.request('resources/subscribe', { uri: 'file:///a' })).toHaveProperty('result');
    });
  });

  it('is refused where rules are about tools only', async () => {
    await withRules([{ id: 'tools-only', effect: 'allow', reason: 'a test', tools: ['*/*'] }], async () => {
      expect(errorOf(await client.request('prompts/get', { name: 'books__greet' }))).toMatchObject({ code: -31025, data: { rules: ['default-deny'] } });
      expect(await client.call('books__link', { uri: 'file:///a' })).toHaveProperty('result');
    });
  });

  it('is decided on what is in its params', async () => {
    const rules: RuleSet['rules'] = [
      { id: 'greet-ada', effect: 'allow', reason: 'a test', methods: ['prompts/get'], tools: ['books/greet'], when: [{ argument: '/arguments/who', is: 'equal', value: 'Ada' }] },
    ];
    await withRules(rules, async () => {
      expect(await client.request('prompts/get', { name: 'books__greet', arguments: { who: 'Ada' } })).toHaveProperty('result');
      expect(await client.request('prompts/get', { name: 'books__greet', arguments: { who: 'Bob' } })).toHaveProperty('error');
    });
  });

  it('has what the detectors find taken out of its result', async () => {
    books.answers.set('resources/read', { result: { contents: [{ uri: 'file:///a', text: `token ${credential}` }] } });
    const answer = await client.request('resources/read', { uri: 'file:///a' });
    expect(JSON.stringify(answer)).not.toContain(credential);
    expect(resultOf(answer)['_meta']).toMatchObject({ 'customhouse/findings': [expect.objectContaining({ rule: 'credential' })] });
  });

  it('whose URI holds a credential is recorded without it, and decided as what it is', async () => {
    const uri = `secret:///?token=${credential}`;
    const events = await recordedBy(async () => void (await reader.request('resources/read', { uri })));
    expect(JSON.stringify(events)).not.toContain(credential);
    expect(events[0]!.data).toMatchObject({ tool: expect.stringContaining('secret:///?token='), findings: [expect.objectContaining({ rule: 'credential' })] });
    expect(books.of('resources/read')).toEqual([{ uri }]);
    const noCredentials: RuleSet['rules'][number] = { id: 'no-credentials', effect: 'refuse', reason: 'x', methods: ['resources/read'], tools: ['*/*'], findings: ['credential'] };
    await withRules([...allowEveryMethod, noCredentials], async () => {
      expect(errorOf(await reader.request('resources/read', { uri }))).toMatchObject({ data: { rules: ['no-credentials', 'allow-every-method'] } });
    });
  });

  it.each<[string, JsonObject | undefined]>([
    ['prompts/get', undefined],
    ['resources/read', { uri: 7 }],
    ['completion/complete', { ref: { type: 'ref/other', name: 'x' } }],
  ])('%s %j is refused before it is a call', async (method, params) => {
    let answer: JsonObject = {};
    expect(await recordedBy(async () => void (answer = await client.request(method, params)))).toEqual([]);
    expect(errorOf(answer).code).toBe(-32602);
  });
});

describe('members of the params that nobody here knows', () => {
  it('reach the server, are recorded sealed, and are inspected', async () => {
    const meta = { 'example.com/id': 7, 'customhouse/wait_ms': 5 };
    const events = await recordedBy(() => client.request('tools/call', { name: 'books__link', arguments: { uri: 'x' }, future: { a: [1] }, _meta: meta }));
    expect(books.of('tools/call')).toEqual([{ name: 'link', arguments: { uri: 'x' }, future: { a: [1] }, _meta: { 'example.com/id': 7 } }]);
    const { data } = events[0]!;
    expect(JSON.parse(await gateway.sealer.open(data['extra'] as never))).toEqual({ future: { a: [1] }, _meta: { 'example.com/id': 7 } });
    expect(JSON.parse(await gateway.sealer.open(data['arguments'] as never))).toEqual({ uri: 'x' });
    const [leaking] = await recordedBy(() => client.request('tools/call', { name: 'books__link', arguments: { uri: 'x' }, _meta: { note: `use ${credential}` } }));
    expect(leaking!.data['findings']).toEqual([expect.objectContaining({ rule: 'credential' })]);
  });

  it('of other methods are sealed with their arguments', async () => {
    const [admitted] = await recordedBy(() => client.request('prompts/get', { name: 'books__greet', future: 1, _meta: { plain: true } }));
    expect(books.of('prompts/get')).toEqual([{ name: 'greet', future: 1, _meta: { plain: true } }]);
    expect(JSON.parse(await gateway.sealer.open(admitted!.data['arguments'] as never))).toEqual({ future: 1 });
    expect(JSON.parse(await gateway.sealer.open(admitted!.data['extra'] as never))).toEqual({ _meta: { plain: true } });
  });
});

describe('a URI in a result', () => {
  it.each([
    ['map:///world', 'map:///world'],
    // Another server has it as well.
    [shared, `customhouse://maps/${encodeURIComponent(shared)}`],
    // It would lead to the other server only.
    ['file:///a', `customhouse://maps/${encodeURIComponent('file:///a')}`],
    // Nobody lists it, and without the server it means nothing.
    ['secret:///x', `customhouse://maps/${encodeURIComponent('secret:///x')}`],
    ['https://example.com/x', 'https://example.com/x'],
  ])('%s is %s where servers share an endpoint, and can be read so', async (uri, exposed) => {
    const answer = await client.call('maps__link', { uri });
    expect((resultOf(answer)['content'] as JsonObject[])[0]).toEqual({ type: 'resource_link', uri: exposed, name: 'it' });
    if (!exposed.startsWith('https:'))
      expect(resultOf(await client.request('resources/read', { uri: exposed }))).toMatchObject({ contents: [{ uri: exposed, text: 'text of maps' }] });
  });

  it("is the server's own at its own endpoint", async () => {
    expect(resultOf(await reader.call('link', { uri: 'secret:///x' }))).toMatchObject({ content: [{ uri: 'secret:///x' }] });
    expect(resultOf(await reader.request('resources/read', { uri: shared }))).toMatchObject({ contents: [{ uri: shared }] });
  });
});

describe('logging/setLevel', () => {
  it('is passed on to every server of the endpoint that logs, and is no call', async () => {
    const events = await recordedBy(async () => expect(resultOf(await client.request('logging/setLevel', { level: 'warning' }))).toEqual({}));
    expect(events).toEqual([]);
    expect([books.of('logging/setLevel'), maps.of('logging/setLevel')]).toEqual([[{ level: 'warning' }], [{ level: 'warning' }]]);
  });

  it('goes along with the calls of the session, for servers that have no level', async () => {
    await client.request('logging/setLevel', { level: 'error' });
    await client.request('prompts/get', { name: 'books__greet' });
    expect(books.of('prompts/get')).toEqual([{ name: 'greet', _meta: { 'io.modelcontextprotocol/logLevel': 'error' } }]);
  });

  it("has its server's answer at the endpoint of a server", async () => {
    books.answers.set('logging/setLevel', { error: { code: -32602, message: 'not that level' } });
    expect(await reader.request('logging/setLevel', { level: 'debug' })).toMatchObject({ error: { code: -32602, message: 'not that level' } });
    expect(maps.received).toEqual([]);
  });

  it.each([undefined, {}, { level: 'loud' }, { level: 7 }])('with %j is refused and reaches nobody', async (params) => {
    expect(errorOf(await client.request('logging/setLevel', params as JsonObject | undefined))).toMatchObject({
      code: -32602,
      message: expect.stringContaining('debug, info, notice'),
    });
    expect([...books.received, ...maps.received]).toEqual([]);
  });

  it('reaches no server of which the caller may use nothing', async () => {
    await withRules([{ id: 'books-only', effect: 'allow', reason: 'a test', tools: ['books/*'] }], async () => {
      expect(resultOf(await client.request('logging/setLevel', { level: 'info' }))).toEqual({});
      expect([books.of('logging/setLevel').length, maps.of('logging/setLevel').length]).toEqual([1, 0]);
    });
  });
});
