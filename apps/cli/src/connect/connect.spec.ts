import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClientName, Credential } from './clients.js';
import { difference, planConnection } from './connect.js';

const url = 'http://127.0.0.1:8400/mcp';
const variable: Credential = { kind: 'variable', name: 'CUSTOMHOUSE_KEY' };
const embedded: Credential = { kind: 'embedded', key: 'chk_0123456789' };
const none: Credential = { kind: 'none' };
const machine = { platform: 'linux', home: '/home/ada', environment: {} } as const;
const golden = new URL('../../test/golden/', import.meta.url).pathname;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-connect-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const request = (client: ClientName, credential: Credential | null, file?: string) =>
  ({ client, name: 'customhouse', project: undefined, file, entry: credential && { url, credential } }) as const;

describe('the configuration of a client', () => {
  it.each<[string, ClientName, Credential | null]>([
    ['claude-code-fresh', 'claude-code', none],
    ['claude-code-settings', 'claude-code', variable],
    ['claude-code-replace', 'claude-code', embedded],
    ['claude-code-remove', 'claude-code', null],
    ['claude-desktop-key', 'claude-desktop', embedded],
    ['cursor-bom', 'cursor', variable],
    ['vscode-comments', 'vscode', variable],
    ['vscode-inputs', 'vscode', variable],
    ['codex-fresh', 'codex', none],
    ['codex-tables', 'codex', variable],
    ['codex-replace', 'codex', embedded],
    ['codex-remove', 'codex', null],
  ])('gets its entry and keeps everything else: %s', (name, client, credential) => {
    const extension = client === 'codex' ? 'toml' : 'json';
    const before = join(golden, name, `before.${extension}`);
    const plan = planConnection(request(client, credential, existsSync(before) ? before : join(folder, 'absent')), machine);
    expect(plan.after).toBe(readFileSync(join(golden, name, `after.${extension}`), 'utf8'));
  });

  it.each<[ClientName, string]>([
    ['claude-code', '.json'],
    ['vscode', '.json'],
    ['codex', '.toml'],
  ])('is not touched when it says so already: %s', (client) => {
    const file = join(folder, 'configuration');
    writeFileSync(file, planConnection(request(client, none, file), machine).after);
    const again = planConnection(request(client, none, file), machine);
    expect(again.after).toBe(again.before);
  });

  it('is the same as before after the entry came and went', () => {
    for (const [client, text] of [
      ['claude-code', '{\n  "a": 1\n}\n'],
      ['codex', 'model = "o5"\n\n[tools]\nweb_search = true\n'],
    ] as const) {
      const file = join(folder, client);
      writeFileSync(file, text);
      writeFileSync(file, planConnection(request(client, variable, file), machine).after);
      writeFileSync(file, planConnection(request(client, null, file), machine).after);
      const left = readFileSync(file, 'utf8');
      expect(client === 'codex' ? left.trimEnd() : JSON.parse(left)).toEqual(client === 'codex' ? text.trimEnd() : { a: 1, mcpServers: {} });
    }
  });

  it.each<[string, ClientName, string, string]>([
    ['torn JSON', 'claude-code', '{\n  "mcpServers": {', 'it is not valid JSON at line 2, column 18'],
    ['a list', 'cursor', '[]', 'it does not hold a JSON object'],
    ['servers that are no object', 'vscode', '{"servers": []}', '"servers" is not an object there'],
    ['torn TOML', 'codex', 'model = ', 'it is not valid TOML'],
    ['an inline table', 'codex', 'mcp_servers = { customhouse = { url = "x" } }\n', 'in a form that cannot be changed safely'],
    ['a text that looks like a table', 'codex', 'a = """\n[mcp_servers.customhouse]\n"""\n', 'in a form that cannot be changed safely'],
  ])('is left alone when it is %s, and the message names the file', (_, client, text, message) => {
    const file = join(folder, 'configuration');
    writeFileSync(file, text);
    expect(() => planConnection(request(client, none, file), machine)).toThrow(`${file} was not changed: `);
    expect(() => planConnection(request(client, none, file), machine)).toThrow(message);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe('where a client keeps its configuration', () => {
  const file = (client: ClientName, platform: NodeJS.Platform, home: string, environment = {}) => planConnection(request(client, none), { platform, home, environment }).path;

  it.each<[ClientName, NodeJS.Platform, string]>([
    ['claude-code', 'linux', '/h/.claude.json'],
    ['claude-desktop', 'darwin', '/h/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-desktop', 'linux', '/h/.config/Claude/claude_desktop_config.json'],
    ['cursor', 'darwin', '/h/.cursor/mcp.json'],
    ['vscode', 'linux', '/h/.config/Code/User/mcp.json'],
    ['vscode', 'darwin', '/h/Library/Application Support/Code/User/mcp.json'],
    ['codex', 'linux', '/h/.codex/config.toml'],
  ])('%s on %s: %s', (client, platform, expected) => {
    expect(file(client, platform, '/h')).toBe(expected);
  });

  it('follows what the person moved', () => {
    expect(file('codex', 'linux', '/h', { CODEX_HOME: '/x' })).toBe('/x/config.toml');
    expect(file('vscode', 'linux', '/h', { XDG_CONFIG_HOME: '/x' })).toBe('/x/Code/User/mcp.json');
    expect(file('claude-code', 'linux', '/h', { CLAUDE_CONFIG_DIR: '/x' })).toBe('/x/.claude.json');
    expect(file('claude-desktop', 'win32', '/h', { APPDATA: '/x' })).toBe('/x/Claude/claude_desktop_config.json');
  });

  it('can be a project, where the client knows projects', () => {
    const inProject = (client: ClientName, credential: Credential) => planConnection({ ...request(client, credential), project: '/p' }, machine).path;
    expect(inProject('claude-code', variable)).toBe('/p/.mcp.json');
    expect(inProject('vscode', none)).toBe('/p/.vscode/mcp.json');
    expect(() => inProject('claude-desktop', none)).toThrow('Claude Desktop has no configuration for one project');
  });
});

describe('a key', () => {
  it("never goes into a project's file", () => {
    expect(() => planConnection({ ...request('cursor', embedded), project: '/p' }, machine)).toThrow("a key does not belong into a project's file");
  });

  it('cannot come from a variable where the client expands none', () => {
    expect(() => planConnection(request('claude-desktop', variable), machine)).toThrow('Claude Desktop does not take its key from an environment variable');
  });
});

describe('a difference', () => {
  it('shows what changes, with the lines around it', () => {
    expect(difference('a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nX\nY\ne\nf\n')).toBe('  b\n  c\n- d\n+ X\n+ Y\n  e\n  f');
  });

  it('is empty when nothing changes', () => {
    expect(
      difference('a\n', 'a\n')
        .split('\n')
        .filter((line) => /^[+-]/.test(line)),
    ).toEqual([]);
  });
});
