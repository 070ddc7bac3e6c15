import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventDeclaration } from '@customhouse/events/catalogue';
import { catalogPromptPublished, catalogServerPublished, catalogToolsetPublished, type Toolset } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { LibraryServer } from './support/library-server.js';
import { RawClient } from './support/mcp.js';
import { RawModernClient } from './support/modern.js';
import { StreamingClient } from './support/streaming-client.js';

const shared = 'file:///shared';
const everyMethod = allowEveryMethod[0]!.methods!;
/** Only Ada may use anything of the server "maps". */
const rules: RuleSet['rules'] = [
  { id: 'books-for-all', effect: 'allow', reason: 'a test', tools: ['books/*', 'gone/*'], methods: everyMethod },
  { id: 'maps-for-ada', effect: 'allow', reason: 'a test', tools: ['maps/*'], methods: everyMethod, who: { people: ['ada@example.com'] } },
];
let gateway: Gateway;
let books: LibraryServer;
let maps: LibraryServer;
let ada: Record<string, string>;
let bob: Record<string, string>;

beforeAll(async () => {
  books = await LibraryServer.start('books', ['file:///a', shared]);
  maps = await LibraryServer.start('maps', ['map:///world', shared]);
  gateway = await Gateway.start({ rules });
  await gateway.addLibrary('books', books.transport);
  await gateway.addLibrary('maps', maps.transport);
  ada = { authorization: `Bearer ${await gateway.issueKey({ person: 'ada@example.com' })}` };
  bob = { authorization: `Bearer ${await gateway.issueKey({ person: 'bob@example.com' })}` };
  const client = await legacy('/mcp', ada);
  await eventually(async () => expect(await namesIn(client, 'resources/templates/list')).toHaveLength(2));
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await books?.close();
  await maps?.close();
}, 30_000);

const urlOf = (path: string): string => gateway.url.replace('/mcp', path);

async function legacy(path: string, headers: Record<string, string>): Promise<RawClient> {
  const client = new RawClient(urlOf(path), headers);
  await client.initialize();
  return client;
}

const members: Record<string, [string, string]> = {
  'tools/list': ['tools', 'name'],
  'prompts/list': ['prompts', 'name'],
  'resources/list': ['resources', 'uri'],
  'resources/templates/list': ['resourceTemplates', 'uriTemplate'],
};
const resultOf = (message: JsonObject): JsonObject => message['result'] as JsonObject;

async function namesIn(client: RawClient, method: string): Promise<unknown[]> {
  const [member, name] = members[method]!;
  return (resultOf(await client.request(method))[member] as JsonObject[]).map((item) => item[name]);
}

function publish(declaration: EventDeclaration, key: string, data: object): Promise<unknown> {
  return gateway.writer.append({ declaration, subject: 'test', key, data });
}

async function defineToolset(name: string, parts: Partial<Toolset>): Promise<void> {
  await publish(catalogToolsetPublished, `toolset/${name}`, { name, description: '', tools: [], prompts: [], resources: [], search: false, ...parts });
  await eventually(async () => expect((await fetch(urlOf(`/mcp/${name}`), { method: 'POST' })).status).not.toBe(404));
}

async function callEvents(): Promise<JsonObject[]> {
  return (await gateway.events()).filter(({ type }) => type.startsWith('call.')).map(({ type, data }) => ({ type, ...(data as JsonObject) }));
}

describe('the lists of all servers together', () => {
  it('have the names of the servers in front, and URIs that lead to one server only', async () => {
    const client = await legacy('/mcp', ada);
    expect(await namesIn(client, 'tools/list')).toEqual(['books__link', 'maps__link']);
    expect(await namesIn(client, 'prompts/list')).toEqual(['books__greet', 'maps__greet']);
    expect(await namesIn(client, 'resources/list')).toEqual([
      'file:///a',
      'customhouse://books/file%3A%2F%2F%2Fshared',
      'map:///world',
      'customhouse://maps/file%3A%2F%2F%2Fshared',
    ]);
    expect(await namesIn(client, 'resources/templates/list')).toEqual(['books:///{id}', 'maps:///{id}']);
  });

  it("are the server's own at its own endpoint", async () => {
    const client = await legacy('/servers/maps/mcp', ada);
    expect(await namesIn(client, 'tools/list')).toEqual(['link']);
    expect(await namesIn(client, 'prompts/list')).toEqual(['greet']);
    expect(await namesIn(client, 'resources/list')).toEqual(['map:///world', shared]);
    expect(await namesIn(client, 'resources/templates/list')).toEqual(['maps:///{id}']);
  });

  it('are answered without asking any server', async () => {
    const client = await legacy('/mcp', ada);
    for (const server of [books, maps]) server.received.length = 0;
    for (const method of Object.keys(members)) await client.request(method);
    expect([books.received, maps.received]).toEqual([[], []]);
  });

  it('hold for each caller what that caller may use', async () => {
    const client = await legacy('/mcp', bob);
    for (const method of Object.keys(members)) expect(JSON.stringify(await namesIn(client, method))).not.toContain('maps');
    expect(await namesIn(client, 'resources/list')).toEqual(['file:///a', 'customhouse://books/file%3A%2F%2F%2Fshared']);
  });

  it('are what can be asked for: every URI leads to the text of its server, by list, by template, and under the name of the server', async () => {
    const client = await legacy('/mcp', ada);
    const read = async (uri: string): Promise<unknown> => (resultOf(await client.request('resources/read', { uri }))['contents'] as JsonObject[])[0]!['text'];
    for (const uri of (await namesIn(client, 'resources/list')) as string[])
      expect([uri, await read(uri)]).toEqual([uri, `text of ${uri.includes('maps') || uri.startsWith('map:') ? 'maps' : 'books'}`]);
    expect(await read('maps:///7')).toBe('text of maps');
    expect(await read('customhouse://maps/file%3A%2F%2F%2Fin%2Fno%2Flist')).toBe('text of maps');
    expect(maps.of('resources/read').at(-1)).toMatchObject({ uri: 'file:///in/no/list' });
    const { error } = (await client.request('resources/read', { uri: shared })) as { error: { message: string } };
    expect(error.message).toContain('customhouse://');
  });
});

describe('a toolset', () => {
  it('has an endpoint with its part of the catalogue, for those who may use it', async () => {
    await defineToolset('atlas', { tools: ['maps/*'], prompts: ['*/greet'], resources: ['books/file:///a', 'maps/maps:///{id}'] });
    const client = await legacy('/mcp/atlas', ada);
    expect(await namesIn(client, 'tools/list')).toEqual(['maps__link']);
    expect(await namesIn(client, 'prompts/list')).toEqual(['books__greet', 'maps__greet']);
    expect(await namesIn(client, 'resources/list')).toEqual(['file:///a']);
    expect(await namesIn(client, 'resources/templates/list')).toEqual(['maps:///{id}']);
    const other = await legacy('/mcp/atlas', bob);
    expect(await namesIn(other, 'tools/list')).toEqual([]);
    expect(await namesIn(other, 'prompts/list')).toEqual(['books__greet']);
  });

  it('does not serve what is not in it, and permits nothing that the policy does not', async () => {
    await defineToolset('narrow', { tools: ['maps/*'], resources: ['maps/maps:///{id}'] });
    const client = await legacy('/mcp/narrow', ada);
    expect(await client.call('maps__link', { uri: 'x' })).toMatchObject({ result: { content: [{}] } });
    expect(await client.call('books__link', { uri: 'x' })).toMatchObject({ error: { code: -32602 } });
    expect(await client.request('resources/read', { uri: 'maps:///1' })).toHaveProperty('result');
    expect(await client.request('resources/read', { uri: 'map:///world' })).toHaveProperty('error');
    const other = await legacy('/mcp/narrow', bob);
    expect(await other.call('maps__link', { uri: 'x' })).toMatchObject({ result: { isError: true } });
  });

  it('has sessions of its own, and none when it is not there', async () => {
    const client = await legacy('/mcp', ada);
    await defineToolset('brief', { tools: ['*/*'] });
    const elsewhere = new RawClient(urlOf('/mcp/brief'), ada);
    elsewhere.session = client.session;
    expect((await elsewhere.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })).response.status).toBe(404);
    await gateway.writer.remove('customhouse.state.catalog', 'toolset/brief');
    await eventually(async () => {
      const { response, message } = await elsewhere.post({ jsonrpc: '2.0', id: 1, method: 'ping' });
      expect([response.status, (message as { error: { message: string } }).error.message]).toEqual([404, 'there is no toolset "brief"']);
    });
  });
});

describe('a toolset', () => {
  it('introduces itself with what its administrator wrote, and says how it is searched', async () => {
    await defineToolset('told', { tools: ['*/*'], description: 'For the desk.', search: true });
    const client = new RawClient(urlOf('/mcp/told'), ada);
    const { instructions } = (await client.initialize()) as { instructions: string };
    expect(instructions).toMatch(/^For the desk\.\n\n.*find_tools.*call_tool/);
    const discovered = await new RawModernClient(urlOf('/mcp/told'), {}, ada).request('server/discover');
    expect(resultOf(discovered.message)).toMatchObject({ instructions });
    await defineToolset('silent', { tools: ['*/*'] });
    expect(await new RawClient(urlOf('/mcp/silent'), ada).initialize()).not.toHaveProperty('instructions');
  });
});

describe('a toolset that is searched', () => {
  it('is governed by what is called, and the record names that', async () => {
    await defineToolset('big', { tools: ['*/*'], resources: ['*/*'], search: true });
    const client = await legacy('/mcp/big', ada);
    expect(await namesIn(client, 'tools/list')).toEqual(['find_tools', 'call_tool']);
    const before = (await callEvents()).length;
    const { structuredContent } = resultOf(await client.call('find_tools', { query: 'link' })) as { structuredContent: { tools: JsonObject[] } };
    expect(structuredContent.tools.map((tool) => tool['name']).sort()).toEqual(['books__link', 'maps__link']);
    expect(await callEvents()).toHaveLength(before);
    const answer = await client.call('call_tool', { name: 'maps__link', arguments: { uri: 'map:///world' } });
    expect(answer).toMatchObject({ result: { content: [{ type: 'resource_link', uri: 'map:///world' }] } });
    expect(maps.of('tools/call').at(-1)).toMatchObject({ name: 'link', arguments: { uri: 'map:///world' } });
    const [admitted] = (await callEvents()).slice(before);
    expect(admitted).toMatchObject({ type: 'call.admitted', method: 'tools/call', server: 'maps', tool: 'link', exposed: 'maps__link' });
  });

  it('finds nothing that its caller may not use, and calls it no more than directly', async () => {
    await defineToolset('big', { tools: ['*/*'], resources: ['*/*'], search: true });
    const client = await legacy('/mcp/big', bob);
    const { structuredContent } = resultOf(await client.call('find_tools', { query: 'link' })) as { structuredContent: { tools: JsonObject[] } };
    expect(structuredContent.tools.map((tool) => tool['name'])).toEqual(['books__link']);
    const asked = maps.of('tools/call').length;
    expect(await client.call('call_tool', { name: 'maps__link', arguments: {} })).toMatchObject({
      result: { isError: true, _meta: { 'customhouse/decision': { effect: 'refuse' } } },
    });
    expect(maps.of('tools/call')).toHaveLength(asked);
    expect(await client.call('call_tool', { name: 'call_tool', arguments: { name: 'books__link' } })).toMatchObject({ error: { code: -32602 } });
    expect(await client.call('find_tools', {})).toMatchObject({ error: { code: -32602 } });
  });

  it('serves the modern era as well', async () => {
    await defineToolset('big', { tools: ['*/*'], resources: ['*/*'], search: true });
    const client = new RawModernClient(urlOf('/mcp/big'), {}, ada);
    const call = async (name: string, args: JsonObject): Promise<JsonObject> => resultOf((await client.request('tools/call', { name, arguments: args })).message);
    expect(await call('find_tools', { query: 'link', limit: 1 })).toMatchObject({ resultType: 'complete', structuredContent: { tools: [{}] } });
    expect(await call('call_tool', { name: 'books__link', arguments: { uri: 'file:///a' } })).toMatchObject({ resultType: 'complete', content: [{ uri: 'file:///a' }] });
  });
});

describe('a change of what a server lists', () => {
  const changed = (stream: { readonly messages: JsonObject[] }): unknown[] => stream.messages.map((message) => message['method']);
  const prompt = (name: string): object => ({ server: 'maps', prompt: name, digest: 'D', definition: { name }, status: 'served', order: 9 });

  it('is told to the clients whose lists it may concern, each kind by its own name', async () => {
    const clients = await Promise.all(
      ['/mcp', '/servers/maps/mcp', '/servers/books/mcp'].map(async (path) => {
        const client = new StreamingClient([urlOf(path)], ada);
        await client.initialize();
        return client.listen();
      }),
    );
    const [all, own, other] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]];
    await publish(catalogPromptPublished, 'prompt/maps/new', prompt('new'));
    await Promise.all([all, own].map((stream) => stream.method('notifications/prompts/list_changed')));
    await publish(catalogToolsetPublished, 'toolset/any', { name: 'any', description: '', tools: [], prompts: [], resources: [], search: false });
    await gateway.activate(rules);
    // A new policy may change everything for everybody; what came before it came first.
    await other.method('notifications/resources/list_changed');
    expect(changed(own).slice(0, 1)).toEqual(['notifications/prompts/list_changed']);
    expect(changed(other)).toEqual(['tools', 'prompts', 'resources'].map((list) => `notifications/${list}/list_changed`));
    for (const stream of clients) stream.break();
    expect(await namesIn(await legacy('/mcp', ada), 'prompts/list')).toContain('maps__new');
    await gateway.withdrawPrompt('maps', 'new');
  });
});

describe('a server that is down', () => {
  const down = (changes: object): Promise<unknown> =>
    publish(catalogServerPublished, 'server/gone', {
      server: { name: 'gone', generation: 1, transport: { kind: 'http', url: 'http://127.0.0.1:9/mcp' }, enabled: true },
      ...{ reachable: false, protocol: null, discovered: null, lost: [], ...changes },
    });

  it('takes nothing from the lists of others, which say in both eras that it is missing', async () => {
    await down({});
    const client = await legacy('/mcp', bob);
    const incomplete = { 'customhouse/incomplete': [{ server: 'gone', reason: 'not-reached-yet' }] };
    await eventually(async () => expect(resultOf(await client.request('tools/list'))).toMatchObject({ tools: [{ name: 'books__link' }], _meta: incomplete }));
    const modern = new RawModernClient(gateway.url, {}, bob);
    const { message } = await modern.request('resources/list');
    expect(resultOf(message)).toMatchObject({ resources: [{}, {}], _meta: incomplete, resultType: 'complete' });
    await down({ reachable: true, discovered: { capabilities: { tools: {}, prompts: {} } }, lost: ['prompts'] });
    await eventually(async () => expect(resultOf(await client.request('tools/list'))).not.toHaveProperty('_meta'));
    expect(resultOf(await client.request('prompts/list'))).toMatchObject({ _meta: { 'customhouse/incomplete': [{ server: 'gone', reason: 'list-lost' }] } });
    await gateway.writer.remove('customhouse.state.catalog', 'server/gone');
    await eventually(async () => expect(resultOf(await client.request('prompts/list'))).not.toHaveProperty('_meta'));
  });
});
