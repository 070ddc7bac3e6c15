import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createMCPClient } from '@ai-sdk/mcp';
import { describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Child, freePort, root } from '../modes/process.js';
import { closePassage, type GatewayAddress, register } from '../conformance/passage.js';
import { withClient } from './matrix-client.js';

const run = promisify(execFile);
/** Not by `require.resolve`: some packages export no package.json. */
const manifestOf = (name: string): string => findPackageJSON(name, import.meta.url)!;

function binOf(name: string, bin = name): string {
  const { bin: bins } = JSON.parse(readFileSync(manifestOf(name), 'utf8')) as { bin: Record<string, string> };
  return join(dirname(manifestOf(name)), bins[bin] ?? Object.values(bins)[0]!);
}

const server = (name: string): string => join(dirname(manifestOf(`@modelcontextprotocol/server-${name}`)), 'dist/index.js');
const stdio = (name: string, ...args: string[]): object => ({ kind: 'stdio', command: process.execPath, args: [server(name), ...args], env: {} });
const said = (result: unknown): string => JSON.stringify((result as { content: unknown }).content);

/** Servers and clients that people use, with the gateway between. `reference` is where the gateway serves the reference server of both eras. */
export function peers(gateway: () => GatewayAddress, reference: () => string): void {
  realServers(gateway);
  realClients(reference);
}

function realServers(gateway: () => GatewayAddress): void {
  /** Registers a server, and gives its address at the gateway; it is removed again afterwards. */
  async function behind(name: string, transport: object, use: (url: string) => Promise<void>): Promise<void> {
    const url = await register(gateway(), name, transport, 60_000);
    try {
      await use(url);
    } finally {
      await closePassage(gateway(), name);
    }
  }

  async function useEverything(url: string): Promise<void> {
    await withClient(url, 'legacy', async ({ client }) => {
      expect(said(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toContain('hello');
      expect((await client.listPrompts()).prompts.map((prompt) => prompt.name)).toContain('simple-prompt');
      expect((await client.getPrompt({ name: 'simple-prompt' })).messages.length).toBeGreaterThan(0);
      const { resources } = await client.listResources();
      expect((await client.readResource({ uri: resources[0]!.uri })).contents).toHaveLength(1);
    });
  }

  describe('real servers behind the gateway', () => {
    it('[peer-server-everything] the everything server, by stdio', () => behind('everything-by-stdio', stdio('everything'), useEverything), 90_000);

    it.each([
      ['Streamable HTTP', 'streamableHttp', 'mcp', 'http'],
      ['HTTP+SSE', 'sse', 'sse', 'http'],
    ])(
      '[peer-server-everything] the everything server, by %s',
      async (_what, mode, path, kind) => {
        const port = await freePort();
        const child = Child.start('everything', process.execPath, [server('everything'), mode], { PORT: String(port) });
        try {
          await answers(port);
          await behind(`everything-by-${mode.toLowerCase()}`, { kind, url: `http://127.0.0.1:${port}/${path}` }, useEverything);
        } finally {
          await child.kill('SIGKILL');
        }
      },
      90_000,
    );

    it('[peer-server-filesystem] the filesystem server', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'customhouse-peer-'));
      writeFileSync(join(folder, 'note.txt'), 'a note');
      try {
        await behind('peer-filesystem', stdio('filesystem', folder), (url) =>
          withClient(url, 'modern', async ({ client }) => {
            expect(said(await client.callTool({ name: 'read_text_file', arguments: { path: join(folder, 'note.txt') } }))).toContain('a note');
          }),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }, 90_000);

    it('[peer-server-memory] the memory server', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'customhouse-peer-'));
      const transport = { ...stdio('memory'), env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') } };
      try {
        await behind('peer-memory', transport, (url) =>
          withClient(url, 'legacy', async ({ client }) => {
            await client.callTool({ name: 'create_entities', arguments: { entities: [{ name: 'Delft', entityType: 'city', observations: ['has canals'] }] } });
            expect((await client.callTool({ name: 'read_graph', arguments: {} })).structuredContent).toMatchObject({ entities: [{ name: 'Delft' }] });
          }),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }, 90_000);

    it(
      '[peer-server-sequential-thinking] the sequential thinking server',
      () =>
        behind('peer-thinking', stdio('sequential-thinking'), (url) =>
          withClient(url, 'modern', async ({ client }) => {
            const thought = { thought: 'First.', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 };
            expect(said(await client.callTool({ name: 'sequentialthinking', arguments: thought }))).toContain('thoughtHistoryLength');
          }),
        ),
      90_000,
    );
  });
}

function realClients(reference: () => string): void {
  describe('real clients of the gateway', () => {
    it.each(['legacy', 'auto', 'modern'])(
      '[peer-client-inspector] the inspector, with the protocol era "%s"',
      async (era) => {
        const inspect = (...args: string[]) =>
          run(process.execPath, [binOf('@modelcontextprotocol/inspector'), '--cli', reference(), '--transport', 'http', '--protocol-era', era, ...args], {
            cwd: root,
            timeout: 60_000,
          });
        expect((await inspect('--method', 'tools/call', '--tool-name', 'test_simple_text')).stdout).toContain('simple text response');
        expect((await inspect('--method', 'prompts/list')).stdout).toContain('test_simple_prompt');
        expect((await inspect('--method', 'resources/read', '--uri', 'test://static-text')).stdout).toContain('static text resource');
      },
      180_000,
    );

    it('[peer-client-mcporter] mcporter', async () => {
      const home = mkdtempSync(join(tmpdir(), 'customhouse-peer-'));
      try {
        const options = { cwd: home, env: { ...process.env, HOME: home }, timeout: 60_000 };
        const at = ['--http-url', reference(), '--allow-http', '--name', 'reference', '--no-oauth'];
        const call = ['call', ...at, '--output', 'json', 'reference.test_structured_output', '--args', JSON.stringify({ city: 'Delft' })];
        expect((await run(process.execPath, [binOf('mcporter'), ...call], options)).stdout).toContain('21.5');
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    }, 90_000);

    it('[peer-client-mcp-remote] mcp-remote, for a client that speaks only stdio', async () => {
      const home = mkdtempSync(join(tmpdir(), 'customhouse-peer-'));
      const client = new Client({ name: 'stdio-only', version: '1.0.0' });
      try {
        const args = [binOf('mcp-remote'), reference(), '--allow-http', '--transport', 'http-only'];
        await client.connect(
          new StdioClientTransport({
            command: process.execPath,
            args,
            env: { ...process.env, HOME: home, MCP_REMOTE_CONFIG_DIR: home } as Record<string, string>,
            stderr: 'ignore',
          }),
        );
        expect(said(await client.callTool({ name: 'test_simple_text', arguments: {} }))).toContain('simple text response');
        expect((await client.listResources()).resources.length).toBeGreaterThan(0);
      } finally {
        await client.close();
        rmSync(home, { recursive: true, force: true });
      }
    }, 90_000);

    it.each([true, false])(
      "[peer-client-ai-sdk] the AI SDK's client, looking for the newest revision: %s",
      async (protocolVersionDiscovery) => {
        const client = await createMCPClient({ transport: { type: 'http', url: reference() }, protocolVersionDiscovery });
        try {
          const tools = await client.tools();
          const result = await tools['test_simple_text']!.execute!({}, { messages: [], toolCallId: 'one' } as never);
          expect(said(result)).toContain('simple text response');
          expect((await client.listResources()).resources.map((resource) => resource.uri)).toContain('test://static-text');
        } finally {
          await client.close();
        }
      },
      60_000,
    );
  });
}

/** Waits until something listens on the port. */
async function answers(port: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) })).body?.cancel();
      return;
    } catch (error) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
