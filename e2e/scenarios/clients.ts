import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Client, SSEClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { root } from '../modes/process.js';
import { strangeResult } from '../peers/truth.js';
import type { World } from './world.js';

const run = promisify(execFile);

export function clients(world: () => World): void {
  describe('real clients', () => {
    it("[client-sdk-v2] the SDK's v2 client lists and calls", async () => {
      const w = world();
      expect(await w.toolNames()).toContain('truth__note');
      expect((await w.call('truth__note', { text: 'v2' })).content[0]?.text).toBe('done: v2');
    });

    it("[client-sdk-v1] the SDK's v1 client lists and calls, and pings", async () => {
      const w = world();
      const client = new ClientV1({ name: 'e2e-v1', version: '1.0.0' });
      await client.connect(new TransportV1(new URL(`${w.gateway.origin}/mcp`), { requestInit: { headers: { authorization: `Bearer ${w.keys.agent.presented}` } } }));
      try {
        await client.ping();
        expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('truth__note');
        expect(JSON.stringify(await client.callTool({ name: 'truth__note', arguments: { text: 'v1' } }))).toContain('done: v1');
        await expect(client.callTool({ name: 'truth__nothing', arguments: {} })).rejects.toThrow(/truth__nothing/);
      } finally {
        await client.close();
      }
    });

    it('[client-inspector] the inspector calls a tool from the command line', async () => {
      const w = world();
      const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json');
      const { default: description } = (await import(manifest, { with: { type: 'json' } })) as { default: { bin: Record<string, string> } };
      const bin = new URL(Object.values(description.bin)[0]!, `file://${manifest}`).pathname;
      const { stdout } = await run(
        process.execPath,
        [
          bin,
          '--cli',
          `${w.gateway.origin}/mcp`,
          '--transport',
          'http',
          '--header',
          `Authorization: Bearer ${w.keys.agent.presented}`,
          '--method',
          'tools/call',
          '--tool-name',
          'truth__note',
          '--tool-arg',
          'text=inspected',
        ],
        { cwd: root, timeout: 60_000 },
      );
      expect(stdout).toContain('done: inspected');
    }, 90_000);

    it('[client-sse] a client of 2024-11-05 lists and calls by HTTP with SSE', async () => {
      const w = world();
      const client = new Client({ name: 'e2e-sse', version: '1.0.0' });
      const headers = { authorization: `Bearer ${w.keys.agent.presented}` };
      await client.connect(new SSEClientTransport(new URL(`${w.gateway.origin}/sse`), { requestInit: { headers }, eventSourceInit: { fetch: withHeaders(headers) } }));
      try {
        expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('truth__note');
        expect(JSON.stringify(await client.callTool({ name: 'truth__note', arguments: { text: 'old' } }))).toContain('done: old');
      } finally {
        await client.close();
      }
    });

    it('[client-stdio] a client that speaks only stdio lists and calls through "customhouse stdio"', async () => {
      const w = world();
      const client = new Client({ name: 'e2e-stdio', version: '1.0.0' });
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: [join(root, 'apps/cli/bin/customhouse.mjs'), 'stdio', '--mcp', `${w.gateway.origin}/mcp`],
        env: { ...(process.env as Record<string, string>), CUSTOMHOUSE_KEY: w.keys.agent.presented },
      });
      await client.connect(transport);
      try {
        expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('truth__note');
        expect(JSON.stringify(await client.callTool({ name: 'truth__note', arguments: { text: 'lines' } }))).toContain('done: lines');
      } finally {
        await client.close();
      }
    });

    it.each(['2025-11-25', '2026-07-28'])('[unknown-content] a client of %s gets content, fields and definitions that nobody knows as the server gave them', async (revision) => {
      const w = world();
      const ask = await speaker(w, revision);
      const { tools } = (await ask('tools/list', {})) as { tools: { name: string }[] };
      expect(tools.find((tool) => tool.name === 'truth__strange')).toMatchObject({
        inputSchema: { properties: { deep: { 'x-unit': { of: ['metres', null] } } }, 'x-kept': [1, { two: null }] },
        annotations: { 'x-mood': { calm: true } },
        'x-definition': { nested: [[]] },
      });
      const given = { deep: { 'x-asked': [null, { '': 0 }] }, tiny: 5e-324 };
      const answer = (await ask('tools/call', { name: 'truth__strange', arguments: given })) as Record<string, unknown>;
      const { _meta, resultType, ...rest } = answer;
      expect(rest).toEqual(strangeResult);
      expect(w.truth.seen.at(-1)).toMatchObject({ tool: 'strange', arguments: given });
    });
  });
}

const withHeaders =
  (headers: Record<string, string>): typeof fetch =>
  (url, init) =>
    fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } });

/** Speaks JSON as it is, since libraries drop what they do not know. */
async function speaker(w: World, revision: string): Promise<(method: string, params: object) => Promise<unknown>> {
  const modern = revision === '2026-07-28';
  const clientInfo = { name: 'e2e-plain', version: '1.0.0' };
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${w.keys.agent.presented}`,
    'mcp-protocol-version': revision,
  };
  const post = async (message: object, more: Record<string, string> = {}): Promise<Response> =>
    fetch(`${w.gateway.origin}/mcp`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  if (!modern) {
    const opened = await post({ id: 0, method: 'initialize', params: { protocolVersion: revision, capabilities: {}, clientInfo } });
    headers['mcp-session-id'] = opened.headers.get('mcp-session-id')!;
    await opened.text();
    await (await post({ method: 'notifications/initialized' })).text();
  }
  const envelope = { 'io.modelcontextprotocol/protocolVersion': revision, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': clientInfo };
  return async (method, params) => {
    const named: Record<string, string> = modern ? { 'mcp-method': method, ...('name' in params ? { 'mcp-name': String(params.name) } : {}) } : {};
    const answer = await post({ id: 1, method, params: modern ? { ...params, _meta: envelope } : params }, named);
    const text = await answer.text();
    const { result, error } = JSON.parse(text.startsWith('{') ? text : /^data: (\{.*)$/m.exec(text)![1]!) as { result?: unknown; error?: unknown };
    if (error !== undefined) throw new Error(JSON.stringify(error));
    return result;
  };
}
