import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { root } from '../modes/process.js';
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
  });
}
