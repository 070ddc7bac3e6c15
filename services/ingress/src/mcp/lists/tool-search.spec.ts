import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { InstantPolicy } from '@customhouse/policy-engine/policy';
import { ada } from '../../../test/support/fakes.js';
import { Catalog } from '../../state/catalog.js';
import { everything, type Endpoint } from '../../state/endpoint.js';
import { ActiveCalls } from '../active-calls.js';
import { Lists } from './lists.js';
import { ToolSearch } from './tool-search.js';

const desk: Endpoint = { server: null, toolset: 'desk' };
const all = { instant: true, version: { digest: 'P' }, visible: () => true } as unknown as InstantPolicy;

function catalogWith(tools: Record<string, JsonObject>, patterns = ['*/*'], search = true): Catalog {
  const catalog = new Catalog();
  put(catalog, 'toolset/desk', { name: 'desk', description: '', tools: patterns, prompts: [], resources: [], search });
  for (const [name, definition] of Object.entries(tools)) addTool(catalog, name, definition);
  return catalog;
}

function put(catalog: Catalog, key: string, data: unknown): void {
  catalog.apply({ topic: 'customhouse.state.catalog', key, event: data === undefined ? undefined : ({ data } as StoredEvent) });
}

function addTool(catalog: Catalog, name: string, definition: JsonObject, digest = 'D', status = 'served'): void {
  const [server = '', tool = ''] = name.split('/');
  const transport = { kind: 'http', url: 'http://127.0.0.1:1/mcp' };
  put(catalog, `server/${server}`, { server: { name: server, generation: 1, enabled: true, transport }, reachable: true, protocol: null, discovered: {}, lost: [] });
  put(catalog, `tool/${server}/${tool}`, { server, tool, digest, definition: { name: tool, ...definition }, labels: [], status, order: 0 });
}

async function found(search: ToolSearch, query: string, policy = all, limit = 5, at = desk): Promise<unknown[]> {
  const { structuredContent } = (await search.find({ query, limit }, ada, at, policy)) as { structuredContent: { tools: JsonObject[] } };
  return structuredContent.tools.map((tool) => tool['name']);
}

const shop = {
  'tickets/create_ticket': { description: 'Opens a new ticket for the support desk.', inputSchema: { type: 'object', properties: { priority: {} } } },
  'tickets/getTicket': { description: 'Reads one of them by its number.' },
  'mail/send': { title: 'Send a message', description: 'Sends electronic mail.' },
};

describe('a toolset that is searched', () => {
  it('lists two tools instead of all, and a toolset that is not lists all', () => {
    const list = (catalog: Catalog, at: Endpoint): unknown[] =>
      (JSON.parse(new Lists(catalog, { pageSize: 10, listTtl_ms: 1 }).page('tools/list', ada, at, undefined, all)) as { tools: JsonObject[] }).tools.map((tool) => tool['name']);
    expect(list(catalogWith(shop), desk)).toEqual(['find_tools', 'call_tool']);
    expect(list(catalogWith(shop), everything)).toHaveLength(3);
    expect(list(catalogWith(shop, ['mail/*'], false), desk)).toEqual(['mail__send']);
  });

  it.each([
    ['ticket', ['tickets__create_ticket', 'tickets__getTicket']],
    ['get ticket', ['tickets__getTicket', 'tickets__create_ticket']],
    ['priority', ['tickets__create_ticket']],
    ['message', ['mail__send']],
    ['electronc mail', ['mail__send']],
    ['weather', []],
  ])('finds for "%s" %j', async (query, expected) => {
    const names = await found(new ToolSearch(catalogWith(shop)), query);
    expect([...names].sort()).toEqual([...expected].sort());
    if (expected.length > 0) expect(names[0]).toBe(expected[0]);
  });

  it('answers with whole definitions, as text too, and no more than it was asked for', async () => {
    const search = new ToolSearch(catalogWith(shop));
    const result = await search.find({ query: 'ticket', limit: 1 }, ada, desk, all);
    const { content, structuredContent } = result as { content: { text: string }[]; structuredContent: { tools: JsonObject[] } };
    expect(structuredContent.tools).toHaveLength(1);
    expect(JSON.parse(content[0]!.text)).toEqual(structuredContent);
    const [whole] = ((await search.find({ query: 'priority', limit: 5 }, ada, desk, all)) as { structuredContent: { tools: JsonObject[] } }).structuredContent.tools;
    expect(whole).toEqual({ ...shop['tickets/create_ticket'], name: 'tickets__create_ticket' });
  });

  it('finds nothing outside of the toolset, nothing that the policy hides, and nothing that waits for review', async () => {
    const catalog = catalogWith(shop, ['tickets/*']);
    const search = new ToolSearch(catalog);
    expect(await found(search, 'mail')).toEqual([]);
    const rules = { instant: true, version: { digest: 'P' }, visible: (_: unknown, { tool }: { tool: string }) => tool !== 'getTicket' } as unknown as InstantPolicy;
    expect(await found(search, 'ticket', rules)).toEqual(['tickets__create_ticket']);
    addTool(catalog, 'tickets/close_ticket', {}, 'D', 'quarantined');
    expect(await found(search, 'close')).toEqual([]);
  });

  it('says which servers it knows nothing new of', async () => {
    const catalog = catalogWith(shop);
    const transport = { kind: 'http', url: 'http://127.0.0.1:1/mcp' };
    put(catalog, 'server/mail', { server: { name: 'mail', generation: 1, enabled: true, transport }, reachable: false, protocol: null, discovered: {}, lost: [] });
    expect(await new ToolSearch(catalog).find({ query: 'mail', limit: 5 }, ada, desk, all)).toMatchObject({
      structuredContent: { tools: [{ name: 'mail__send' }] },
      _meta: { 'customhouse/incomplete': [{ server: 'mail', reason: 'unreachable' }] },
    });
  });

  it('has a place among the calls of its caller while it lasts', async () => {
    const search = new ToolSearch(catalogWith(shop));
    const active = new ActiveCalls({ calls: 10, callsPerPrincipal: 1 });
    const ask = (): Promise<JsonObject> => search.answer({ query: 'mail', limit: 1 }, { caller: ada, at: desk }, { active, policy: () => all as never });
    const first = ask();
    await expect(ask()).rejects.toMatchObject({ rule: 'too-many-calls' });
    await first;
    await expect(ask()).resolves.toHaveProperty('structuredContent');
    expect(active.size).toBe(0);
  });

  it('looks for so many words at most', async () => {
    const search = new ToolSearch(catalogWith(shop));
    expect(await found(search, `${'nothing '.repeat(15)}mail`)).toEqual(['mail__send']);
    expect(await found(search, `${'nothing '.repeat(16)}mail`)).toEqual([]);
  });

  it('follows the catalogue: what is new is found, what changed by its new words, what is gone not at all', async () => {
    const catalog = catalogWith(shop);
    const search = new ToolSearch(catalog);
    expect(await found(search, 'mail')).toEqual(['mail__send']);
    addTool(catalog, 'fax/dial', { description: 'Telephones a machine.' });
    addTool(catalog, 'mail/send', { description: 'Posts letters.' }, 'E');
    put(catalog, 'tool/tickets/getTicket', undefined);
    expect(await Promise.all([found(search, 'telephones'), found(search, 'letters'), found(search, 'electronic'), found(search, 'ticket')])).toEqual([
      ['fax__dial'],
      ['mail__send'],
      [],
      ['tickets__create_ticket'],
    ]);
  });
});

describe('calling through a toolset that is searched', () => {
  const search = new ToolSearch(catalogWith(shop));

  it('is a call of the tool that is named, with all that came along', () => {
    const params = { name: 'call_tool', arguments: { name: 'mail__send', arguments: { to: 'ada' } }, _meta: { progressToken: 1 } };
    expect(search.turn(desk, params)).toEqual({ call: { name: 'mail__send', arguments: { to: 'ada' }, _meta: { progressToken: 1 } } });
    expect(search.turn(desk, { name: 'call_tool', arguments: { name: 'mail__send' } })).toEqual({ call: { name: 'mail__send', arguments: {} } });
  });

  it('or a search', () => {
    expect(search.turn(desk, { name: 'find_tools', arguments: { query: 'mail' } })).toEqual({ find: { query: 'mail', limit: 5 } });
    expect(search.turn(desk, { name: 'find_tools', arguments: { query: 'mail', limit: 20 } })).toEqual({ find: { query: 'mail', limit: 20 } });
  });

  it('is an ordinary call where a tool is called by its own name, and at every other endpoint', () => {
    expect(search.turn(desk, { name: 'mail__send', arguments: {} })).toBeUndefined();
    expect(search.turn(everything, { name: 'call_tool', arguments: {} })).toBeUndefined();
    expect(search.turn({ server: 'mail', toolset: null }, { name: 'find_tools', arguments: {} })).toBeUndefined();
    expect(new ToolSearch(catalogWith(shop, ['*/*'], false)).turn(desk, { name: 'find_tools', arguments: {} })).toBeUndefined();
    expect(search.turn(desk, undefined)).toBeUndefined();
  });

  it.each<[JsonObject]>([
    [{ name: 'find_tools' }],
    [{ name: 'find_tools', arguments: { query: '  ' } }],
    [{ name: 'find_tools', arguments: { query: 'x'.repeat(1_001) } }],
    [{ name: 'find_tools', arguments: { query: 'x', limit: 21 } }],
    [{ name: 'find_tools', arguments: { query: 'x', limit: 1.5 } }],
    [{ name: 'find_tools', arguments: [] }],
    [{ name: 'call_tool', arguments: {} }],
    [{ name: 'call_tool', arguments: { name: 7 } }],
    [{ name: 'call_tool', arguments: { name: 'mail__send', arguments: 'text' } }],
  ])('refuses %j', (params) => {
    expect(() => search.turn(desk, params)).toThrow(expect.objectContaining({ rule: 'invalid-params' }));
  });
});
