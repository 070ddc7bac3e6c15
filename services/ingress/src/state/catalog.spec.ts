import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { ToolLabel } from '@customhouse/events/registry/events';
import { asked } from '../mcp/asked.js';
import { Catalog, type CatalogChange } from './catalog.js';
import { everything, type Endpoint } from './endpoint.js';

function change(catalog: Catalog, key: string, data: unknown, foreign?: StoredEvent['foreign']): void {
  catalog.apply({ topic: 'customhouse.state.catalog', key, event: data === undefined ? undefined : ({ data, foreign } as StoredEvent) });
}

function server(catalog: Catalog, name: string, changes: { enabled?: boolean; generation?: number } = {}): void {
  const transport = { kind: 'http', url: 'http://127.0.0.1:1/mcp' };
  change(catalog, `server/${name}`, {
    server: { name, generation: 1, enabled: true, transport, ...changes },
    reachable: true,
    protocol: null,
    discovered: { instructions: 'use me' },
    lost: [],
  });
}

function tool(catalog: Catalog, of: string, name: string, changes: { status?: string; order?: number; labels?: ToolLabel[]; digest?: string } = {}): void {
  change(catalog, `tool/${of}/${name}`, { server: of, tool: name, digest: 'D', definition: { name }, labels: [], status: 'served', order: 0, ...changes });
}

const listed = (catalog: Catalog, of: string | null = null): string[] => [...catalog.tools({ server: of, toolset: null })].map((entry) => entry.exposed);

describe('the followed catalogue', () => {
  it('serves accepted tools of enabled servers under both of their names', () => {
    const catalog = new Catalog();
    server(catalog, 'files', { generation: 4 });
    tool(catalog, 'files', 'read', { labels: ['read-only'] });
    expect(catalog.findTool(everything, 'files__read')).toMatchObject({ server: 'files', tool: 'read', definition: 'D', generation: 4, labels: ['read-only'] });
    expect(catalog.tool('files', 'read')).toBe(catalog.findTool(everything, 'files__read'));
    expect(catalog.discovered('files')).toEqual({ instructions: 'use me' });
  });

  it('lists in the order of the servers and of their own lists', () => {
    const catalog = new Catalog();
    server(catalog, 'b');
    server(catalog, 'a');
    tool(catalog, 'b', 'first', { order: 0 });
    tool(catalog, 'a', 'tenth', { order: 10 });
    tool(catalog, 'a', 'second', { order: 2 });
    expect(listed(catalog)).toEqual(['a__second', 'a__tenth', 'b__first']);
    expect(listed(catalog, 'a')).toEqual(['a__second', 'a__tenth']);
    expect(listed(catalog, 'unknown')).toEqual([]);
  });

  it.each([
    ['waits for review', (catalog: Catalog) => tool(catalog, 'files', 'read', { status: 'quarantined' })],
    ['was removed', (catalog: Catalog) => change(catalog, 'tool/files/read', undefined)],
    ['has a server that is switched off', (catalog: Catalog) => server(catalog, 'files', { enabled: false })],
    ['has a server that was removed', (catalog: Catalog) => change(catalog, 'server/files', undefined)],
    ['is described in a newer version of the event', (catalog: Catalog) => change(catalog, 'tool/files/read', { anything: true }, 'newer-version')],
  ])('does not serve a tool that %s', (_, happens) => {
    const catalog = new Catalog();
    server(catalog, 'files');
    tool(catalog, 'files', 'read');
    expect(listed(catalog)).toEqual(['files__read']);
    happens(catalog);
    expect([catalog.findTool(everything, 'files__read'), catalog.tool('files', 'read'), listed(catalog)]).toEqual([undefined, undefined, []]);
  });

  it('knows what waits for review', () => {
    const catalog = new Catalog();
    tool(catalog, 'files', 'read', { status: 'quarantined' });
    expect([catalog.isQuarantined('files', 'read'), catalog.isQuarantined('files', 'write')]).toEqual([true, false]);
  });

  it('has another version after each change, and a tool keeps its object until then', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    tool(catalog, 'files', 'read');
    const before = { version: catalog.version, tool: catalog.findTool(everything, 'files__read') };
    expect(catalog.findTool(everything, 'files__read')).toBe(before.tool);
    tool(catalog, 'files', 'read', { digest: 'E' });
    expect(catalog.version).toBeGreaterThan(before.version);
    expect(catalog.findTool(everything, 'files__read')).toMatchObject({ definition: 'E' });
  });

  it('takes ten thousand tools without making its tables ten thousand times', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    const started = performance.now();
    for (let index = 0; index < 10_000; index += 1) tool(catalog, 'files', `tool_${index}`, { order: index });
    expect(listed(catalog)).toHaveLength(10_000);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('ignores keys that are not its own', () => {
    const catalog = new Catalog();
    change(catalog, 'something/x', { anything: true });
    expect(catalog.version).toBe(0);
  });
});

function prompt(catalog: Catalog, of: string, name: string, changes: { status?: string; order?: number } = {}): void {
  change(catalog, `prompt/${of}/${name}`, { server: of, prompt: name, digest: 'D', definition: { name }, status: 'served', order: 0, ...changes });
}

function resource(catalog: Catalog, of: string, uri: string, order = 0): void {
  change(catalog, `resource/${of}/${uri}`, { server: of, uri, digest: 'D', definition: { uri, name: 'n' }, order });
}

function template(catalog: Catalog, of: string, text: string, order = 0): void {
  change(catalog, `template/${of}/${text}`, { server: of, template: text, digest: 'D', definition: { uriTemplate: text, name: 'n' }, order });
}

function toolset(catalog: Catalog, name: string, parts: { tools?: string[]; prompts?: string[]; resources?: string[] }): Endpoint {
  change(catalog, `toolset/${name}`, { name, description: '', tools: [], prompts: [], resources: [], search: false, ...parts });
  return { server: null, toolset: name };
}

const at = (name: string): Endpoint => ({ server: name, toolset: null });
const uris = (catalog: Catalog, where = everything): string[] => [...catalog.resources(where)].map((one) => one.exposed);
const templates = (catalog: Catalog, where = everything): string[] => [...catalog.templates(where)].map((one) => one.exposed);

describe('prompts of the catalogue', () => {
  it('are found under both of their names, and apart from tools of the same name', () => {
    const catalog = new Catalog();
    server(catalog, 'files', { generation: 2 });
    prompt(catalog, 'files', 'read');
    expect(catalog.findPrompt(everything, 'files__read')).toMatchObject({ server: 'files', prompt: 'read', definition: 'D', generation: 2, labels: [] });
    expect(catalog.findPrompt(at('files'), 'read')).toBe(catalog.findPrompt(everything, 'files__read'));
    expect(catalog.findTool(everything, 'files__read')).toBeUndefined();
    expect(catalog.findPrompt(at('other'), 'read')).toBeUndefined();
  });

  it('with names that are no names of tools are exposed under one that is', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    prompt(catalog, 'files', 'Überblick / alles');
    const [only] = catalog.prompts(everything);
    expect(only!.exposed).toMatch(/^files__[A-Za-z0-9_.-]+__[0-9a-f]{16}$/);
    expect(catalog.findPrompt(everything, only!.exposed)).toBe(only);
  });

  it('are held back until they are accepted', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    prompt(catalog, 'files', 'read', { status: 'quarantined' });
    expect([catalog.findPrompt(everything, 'files__read'), catalog.isPromptQuarantined('files', 'read')]).toEqual([undefined, true]);
  });
});

describe('resources of the catalogue', () => {
  it('keep their URIs as long as no other server has them', () => {
    const catalog = new Catalog();
    server(catalog, 'a', { generation: 3 });
    server(catalog, 'b');
    resource(catalog, 'a', 'file:///x');
    resource(catalog, 'b', 'demo://y');
    template(catalog, 'a', 'file:///{path}');
    expect(uris(catalog)).toEqual(['file:///x', 'demo://y']);
    expect(templates(catalog)).toEqual(['file:///{path}']);
    expect(catalog.findResource(everything, 'file:///x')).toMatchObject({ server: 'a', uri: 'file:///x', generation: 3, definition: null, labels: [] });
    expect(catalog.findResource(everything, 'file:///not/listed')).toMatchObject({ server: 'a', resource: undefined, template: { template: 'file:///{path}' } });
    expect(catalog.findResource(everything, 'http://nobody')).toBeUndefined();
  });

  it('that two servers have are known by the names of both, and by no other', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'b');
    resource(catalog, 'a', 'file:///x');
    resource(catalog, 'b', 'file:///x');
    const [first, second] = uris(catalog);
    expect([first, second]).toEqual(['customhouse://a/file%3A%2F%2F%2Fx', 'customhouse://b/file%3A%2F%2F%2Fx']);
    expect(catalog.findResource(everything, first!)).toMatchObject({ server: 'a', uri: 'file:///x' });
    expect(catalog.findResource(everything, second!)).toMatchObject({ server: 'b', uri: 'file:///x' });
    expect(catalog.findResource(everything, 'file:///x')).toBeUndefined();
    expect(catalog.choices(everything, 'file:///x')).toEqual([first, second]);
    expect(uris(catalog, at('b'))).toEqual(['customhouse://b/file%3A%2F%2F%2Fx']);
    expect(catalog.findResource(at('b'), 'file:///x')).toMatchObject({ server: 'b' });
  });

  it('that are as long as a URI may be can be asked for under the name of their server', () => {
    const catalog = new Catalog();
    const name = 'n'.repeat(32);
    const longest = `x:${'/'.repeat(1_998)}`;
    for (const one of [name, 'b']) {
      server(catalog, one);
      resource(catalog, one, longest);
    }
    const [, exposed] = uris(catalog);
    expect(asked(1, 'resources/read', { uri: exposed! }).name).toBe(exposed);
    expect(catalog.findResource(everything, exposed!)).toMatchObject({ server: name, uri: longest });
  });

  it('that a template of another server matches are not left to whoever came first', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'b');
    resource(catalog, 'a', 'file:///x');
    template(catalog, 'b', 'file:///{path}');
    expect(uris(catalog)).toEqual(['customhouse://a/file%3A%2F%2F%2Fx']);
    expect(templates(catalog)).toEqual(['customhouse://b//file:///{path}']);
    expect(catalog.findResource(everything, 'file:///x')).toBeUndefined();
    expect(catalog.findResource(everything, 'customhouse://b//file:///x')).toMatchObject({ server: 'b', uri: 'file:///x' });
    expect(catalog.findTemplate(everything, 'customhouse://b//file:///{path}')).toMatchObject({ server: 'b', template: 'file:///{path}' });
    expect(catalog.findTemplate(at('b'), 'file:///{path}')).toMatchObject({ server: 'b' });
  });

  it('get their URIs back when the other server is switched off', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'b');
    resource(catalog, 'a', 'file:///x');
    resource(catalog, 'b', 'file:///x');
    expect(uris(catalog)).toHaveLength(2);
    server(catalog, 'b', { enabled: false });
    expect(uris(catalog)).toEqual(['file:///x']);
    expect(catalog.findResource(everything, 'customhouse://b/file%3A%2F%2F%2Fx')).toBeUndefined();
  });

  it('are not taken by a template that matches everything: it alone goes by the name of its server', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'greedy');
    resource(catalog, 'a', 'file:///x');
    template(catalog, 'greedy', '{+anything}');
    expect([uris(catalog), templates(catalog)]).toEqual([['file:///x'], ['customhouse://greedy//{+anything}']]);
    expect(catalog.findResource(everything, 'file:///x')).toMatchObject({ server: 'a' });
  });

  it('whose own URI looks like one of ours are not taken for it', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'b');
    resource(catalog, 'b', 'customhouse://a/file%3A%2F%2F%2Fx');
    expect(uris(catalog)).toEqual(['customhouse://b/customhouse%3A%2F%2Fa%2Ffile%253A%252F%252F%252Fx']);
    expect(catalog.findResource(everything, 'customhouse://a/file%3A%2F%2F%2Fx')).toMatchObject({ server: 'a', uri: 'file:///x' });
    expect(catalog.findResource(everything, uris(catalog)[0]!)).toMatchObject({ server: 'b', uri: 'customhouse://a/file%3A%2F%2F%2Fx' });
  });

  it('at their own endpoint lead to the server, in a list or not', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    expect(catalog.findResource(at('a'), 'any://thing')).toMatchObject({ server: 'a', uri: 'any://thing', resource: undefined });
    server(catalog, 'a', { enabled: false });
    expect(catalog.findResource(at('a'), 'any://thing')).toBeUndefined();
  });

  it('are named to clients as the endpoint names them', () => {
    const catalog = new Catalog();
    server(catalog, 'a');
    server(catalog, 'b');
    resource(catalog, 'a', 'file:///x');
    resource(catalog, 'b', 'file:///x');
    resource(catalog, 'b', 'file:///y');
    expect(catalog.exposedUri(everything, 'b', 'file:///y')).toBe('file:///y');
    expect(catalog.exposedUri(everything, 'b', 'file:///x')).toBe('customhouse://b/file%3A%2F%2F%2Fx');
    expect(catalog.exposedUri(everything, 'b', 'file:///unlisted')).toBe('customhouse://b/file%3A%2F%2F%2Funlisted');
    expect(catalog.exposedUri(at('b'), 'b', 'file:///x')).toBe('file:///x');
  });
});

describe('a toolset', () => {
  it('shows and finds what its patterns say, and nothing else', () => {
    const catalog = new Catalog();
    server(catalog, 'tickets');
    server(catalog, 'files');
    for (const name of ['get_one', 'delete_one']) tool(catalog, 'tickets', name);
    tool(catalog, 'files', 'get_one');
    prompt(catalog, 'tickets', 'triage');
    prompt(catalog, 'files', 'triage');
    resource(catalog, 'files', 'file:///manuals/a');
    resource(catalog, 'files', 'file:///secret');
    const desk = toolset(catalog, 'desk', { tools: ['tickets/get_*'], prompts: ['tickets/*'], resources: ['files/file:///manuals/*'] });
    expect([...catalog.tools(desk)].map((one) => one.exposed)).toEqual(['tickets__get_one']);
    expect([...catalog.prompts(desk)].map((one) => one.exposed)).toEqual(['tickets__triage']);
    expect(uris(catalog, desk)).toEqual(['file:///manuals/a']);
    expect(catalog.findTool(desk, 'tickets__get_one')).toBeDefined();
    expect(catalog.findTool(desk, 'tickets__delete_one')).toBeUndefined();
    expect(catalog.findPrompt(desk, 'files__triage')).toBeUndefined();
    expect(catalog.findResource(desk, 'file:///manuals/a')).toBeDefined();
    expect(catalog.findResource(desk, 'file:///secret')).toBeUndefined();
    expect(catalog.findResource(desk, 'customhouse://files/file%3A%2F%2F%2Fsecret')).toBeUndefined();
    expect([catalog.concerns(desk, 'files'), catalog.concerns(desk, 'other')]).toEqual([true, false]);
  });

  it('with a template has what comes from it', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    template(catalog, 'files', 'file:///{path}');
    const desk = toolset(catalog, 'desk', { resources: ['files/file:///{path}'] });
    expect(templates(catalog, desk)).toEqual(['file:///{path}']);
    expect(catalog.findResource(desk, 'file:///a')).toMatchObject({ server: 'files' });
    expect(catalog.findResource(toolset(catalog, 'other', { resources: ['files/file:///b'] }), 'file:///a')).toBeUndefined();
  });

  it('that is gone has nothing', () => {
    const catalog = new Catalog();
    server(catalog, 'files');
    tool(catalog, 'files', 'read');
    const desk = toolset(catalog, 'desk', { tools: ['*/*'] });
    expect([...catalog.tools(desk)]).toHaveLength(1);
    change(catalog, 'toolset/desk', undefined);
    expect([[...catalog.tools(desk)], catalog.findTool(desk, 'files__read'), catalog.toolset('desk')]).toEqual([[], undefined, undefined]);
  });
});

describe('a change of the catalogue', () => {
  const applied = (catalog: Catalog, key: string, data: unknown) => catalog.apply({ topic: 'customhouse.state.catalog', key, event: { data } as StoredEvent });

  it('says which lists it may concern, and at which endpoints', () => {
    const catalog = new Catalog();
    const published = {
      server: { name: 'a', generation: 1, enabled: true, transport: { kind: 'http', url: 'http://x' } },
      reachable: true,
      protocol: null,
      discovered: null,
      lost: [],
    };
    expect(applied(catalog, 'server/a', published)).toEqual({ lists: ['tools', 'prompts', 'resources', 'templates'], server: 'a', toolset: null });
    expect(applied(catalog, 'server/a', { ...published, reachable: false })).toBeUndefined();
    expect(applied(catalog, 'tool/a/x', { server: 'a', tool: 'x', status: 'served' })).toEqual({ lists: ['tools'], server: 'a', toolset: null });
    expect(applied(catalog, 'prompt/a/x', { server: 'a', prompt: 'x', status: 'served' })).toEqual({ lists: ['prompts'], server: 'a', toolset: null });
    expect(applied(catalog, 'resource/a/file:///x', { server: 'a', uri: 'file:///x' })).toEqual({ lists: ['resources'], server: 'a', toolset: null });
    expect(applied(catalog, 'template/a/file:///{x}', { server: 'a', template: 'file:///{x}' })).toEqual({ lists: ['templates'], server: 'a', toolset: null });
    const desk = { name: 'desk', description: '', tools: [], prompts: [], resources: [], search: false };
    expect(applied(catalog, 'toolset/desk', desk)).toMatchObject({ server: null, toolset: 'desk' });
    expect(applied(catalog, 'unknown/x', {})).toBeUndefined();
  });

  it('is told to the clients of the endpoints that it may concern', () => {
    const catalog = new Catalog();
    const desk = toolset(catalog, 'desk', { tools: ['a/*'] });
    const told = (lists: CatalogChange['lists'], server: string | null, of: string | null = null): boolean[] =>
      [everything, at('a'), at('b'), desk].map((where) => catalog.mayChange(where, { lists, server, toolset: of }));
    expect(told(['tools'], 'a')).toEqual([true, true, false, true]);
    expect(told(['tools'], 'b')).toEqual([true, false, true, false]);
    // A new rival gives the resources of others another name.
    expect(told(['resources'], 'b')).toEqual([true, false, true, true]);
    expect(told(['tools', 'prompts', 'resources', 'templates'], null, 'desk')).toEqual([false, false, false, true]);
  });
});
