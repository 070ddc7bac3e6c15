import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { editJson, readJson } from './json-document.js';
import { editToml, readToml } from './toml-document.js';

const entry = { url: 'http://127.0.0.1:8400/mcp', headers: { Authorization: 'Bearer x' } };
const object = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 });
const layout = fc.constantFrom<[string | undefined, string]>([undefined, '\n'], ['  ', '\n'], ['\t', '\n'], ['    ', '\r\n']);

/** What a program would read. `JSON.parse` of ours makes -0 into 0 on the way; configuration files do not care. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe('any JSON configuration', () => {
  it('keeps everything else when an entry is set, changed and removed', () => {
    fc.assert(
      fc.property(object, fc.option(object), layout, (others, servers, [indent, eol]) => {
        const document = servers === null ? others : { ...others, mcpServers: servers };
        const text = JSON.stringify(document, undefined, indent).replaceAll('\n', eol) + eol;
        const set = editJson(text, 'mcpServers', 'customhouse', entry);
        expect(readJson(set, ['mcpServers', 'customhouse'])).toEqual(entry);
        const before = plain(document) as { mcpServers?: object };
        expect(plain(JSON.parse(set))).toEqual({ ...before, mcpServers: { ...(plain(before.mcpServers ?? {}) as object), customhouse: entry } });
        const changed = editJson(set, 'mcpServers', 'customhouse', { url: 'other' });
        expect(readJson(changed, ['mcpServers', 'customhouse'])).toEqual({ url: 'other' });
        const { customhouse: _, ...left } = (before.mcpServers ?? {}) as Record<string, unknown>;
        expect(plain(JSON.parse(editJson(changed, 'mcpServers', 'customhouse', undefined)))).toEqual({ ...before, mcpServers: left });
        if (eol === '\r\n') expect(set.replaceAll('\r\n', '')).not.toContain('\n');
      }),
      { numRuns: 300 },
    );
  });
});

describe('any TOML configuration', () => {
  const name = fc.stringMatching(/^[a-z_]{1,8}$/);
  const value = fc.oneof(fc.string({ maxLength: 20 }), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }));
  const table = fc.dictionary(name, value, { maxKeys: 4 });

  it('keeps everything else when an entry is set, changed and removed', () => {
    fc.assert(
      fc.property(table, fc.dictionary(name, table, { maxKeys: 3 }), fc.dictionary(name, table, { maxKeys: 3 }), (top, tables, servers) => {
        const document = { ...top, ...tables, mcp_servers: servers };
        const text = stringify(document);
        const before = parse(text);
        const set = editToml(text, 'mcp_servers', 'customhouse', entry);
        expect(readToml(set, 'mcp_servers', 'customhouse')).toEqual(entry);
        const changed = editToml(set, 'mcp_servers', 'customhouse', { url: 'other' });
        expect(parse(changed)).toEqual({ ...before, mcp_servers: { ...(before['mcp_servers'] as object), customhouse: { url: 'other' } } });
        const { customhouse: _, ...left } = (before['mcp_servers'] ?? {}) as Record<string, unknown>;
        const removed = parse(editToml(changed, 'mcp_servers', 'customhouse', undefined));
        expect({ ...removed, mcp_servers: removed['mcp_servers'] ?? {} }).toEqual({ ...before, mcp_servers: left });
      }),
      { numRuns: 300 },
    );
  });
});
