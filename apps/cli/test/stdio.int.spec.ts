import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { customhouse, root } from './gateway.js';
import { runningGateway } from './running-gateway.js';

jest.setTimeout(300_000);

const { gateway, folder } = runningGateway();
const keyFile = join(folder, 'agent.key');
const clients: { close(): Promise<void> }[] = [];

beforeAll(() => writeFileSync(keyFile, gateway.ready.key, { mode: 0o600 }));
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

const info = { name: 'customhouse-test', version: '1.0.0' };
const started = (...more: string[]) => ({
  command: process.execPath,
  args: [join(root, 'apps/cli/bin/customhouse.mjs'), 'stdio', '--mcp', gateway.ready.mcp, '--key-file', keyFile, ...more],
  stderr: 'inherit' as const,
});

async function v1(...more: string[]): Promise<ClientV1> {
  const client = new ClientV1(info);
  await client.connect(new StdioV1(started(...more)));
  clients.push(client);
  return client;
}

async function v2(mode: 'legacy' | 'auto'): Promise<ClientV2> {
  const client = new ClientV2(info, { versionNegotiation: { mode } });
  await client.connect(new StdioV2(started()));
  clients.push(client);
  return client;
}

describe('customhouse stdio', () => {
  it('serves a client of the legacy era: lists, calls and progress (SDK, version 1)', async () => {
    const client = await v1();
    expect(client.getServerVersion()).toMatchObject({ name: 'customhouse' });
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('everything__echo');
    expect(await client.callTool({ name: 'everything__echo', arguments: { message: 'hello' } })).toMatchObject({
      content: [{ type: 'text', text: 'Echo: hello' }],
      _meta: { 'customhouse/receipt': { call: expect.any(String) } },
    });
  });

  it('serves one server under its own names', async () => {
    const client = await v1('--server', 'everything');
    expect(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })).toMatchObject({ content: [{ text: 'Echo: hello' }] });
  });

  it.each(['legacy', 'auto'] as const)('serves a client of the SDK, version 2, that begins %s', async (mode) => {
    const client = await v2(mode);
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('everything__get-sum');
    expect(await client.callTool({ name: 'everything__echo', arguments: { message: 'hello' } })).toMatchObject({ content: [{ text: 'Echo: hello' }] });
  });

  it('answers what is piped into it, and ends with its input', async () => {
    const lines = [
      { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info } },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 'two', method: 'tools/call', params: { name: 'everything__echo', arguments: { message: 'piped' } } },
    ];
    const ran = await customhouse(['stdio', '--mcp', gateway.ready.mcp], {
      stdin: `${lines.map((line) => JSON.stringify(line)).join('\n')}\nnot JSON\n`,
      environment: { CUSTOMHOUSE_KEY: gateway.ready.key },
    });
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const answers = ran.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: unknown; result?: { content?: unknown }; error?: { code: number } });
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([1, 'two', null]));
    expect(answers.find(({ id }) => id === 'two')!.result!.content).toEqual([{ type: 'text', text: 'Echo: piped' }]);
    expect(answers.find(({ id }) => id === null)!.error!.code).toBe(-32700);
  });

  it('says to the client that its key is not good', async () => {
    const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info } });
    const ran = await customhouse(['stdio', '--mcp', gateway.ready.mcp], { stdin: `${line}\n`, environment: { CUSTOMHOUSE_KEY: 'chk_0000000000000000_wrong' } });
    expect(JSON.parse(ran.stdout)).toMatchObject({ id: 1, error: { data: { rule: 'unauthenticated' } } });
  });

  it('says to the client that nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const ran = await customhouse(['stdio', '--mcp', `http://127.0.0.1:${port}/mcp`], { stdin: '{"jsonrpc":"2.0","id":1,"method":"ping"}\n' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ id: 1, error: { code: -31002, data: { rule: 'upstream-unavailable' } } });
  });

  it.each([
    [['--key-file', '-'], /standard input is for messages/],
    [['--server', 'a', '--toolset', 'b'], /cannot go together/],
    [['--server', 'A/../b'], /no name of a server/],
  ])('refuses %j', async (args, said) => {
    const ran = await customhouse(['stdio', '--mcp', gateway.ready.mcp, ...args]);
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(said);
  });
});
