import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { ToolLabel } from '@customhouse/events/registry/events';
import { Catalog } from './catalog.js';
import { everything } from './endpoint.js';

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
