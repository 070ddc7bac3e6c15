import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Transport } from '@customhouse/events/registry/events';
import { HttpClient } from '../src/http-client.js';
import { openUpstream } from '../src/open-upstream.js';
import type { CallOptions, Upstream } from '../src/upstream.js';
import { eventually } from './stand-in.js';

const require = createRequire(import.meta.url);
const limits: CallOptions = { timeout_ms: 10_000, max_bytes: 5_000_000 };
const http = new HttpClient();
afterAll(() => http.close());

function bin(name: string): string {
  return join(require.resolve(`@modelcontextprotocol/${name}/package.json`), '..', 'dist', 'index.js');
}

function open(transport: Transport): Promise<Upstream> {
  return openUpstream(transport, { clientInfo: { name: 'test', version: '1' }, http });
}

function stdio(name: string, ...args: string[]): Transport {
  return { kind: 'stdio', command: process.execPath, args: [bin(name), ...args], env: {} };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const textOf = (answer: unknown): string => (answer as { result: { content: { text: string }[] } }).result.content.map((part) => part.text).join('\n');

/** What both transports of the same server must do alike. */
function everything(connect: () => Promise<Upstream>): void {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await connect();
  });
  afterAll(() => upstream.close());

  it('lists its tools with every member of their definitions', async () => {
    const answer = (await upstream.call({ method: 'tools/list', params: {} }, limits)) as { result: { tools: JsonObject[] } };
    const echo = answer.result.tools.find((tool) => tool['name'] === 'echo')!;
    expect(Object.keys(echo)).toEqual(expect.arrayContaining(['name', 'description', 'inputSchema']));
    expect(answer.result.tools.length).toBeGreaterThan(5);
  });

  it('calls a tool', async () => {
    expect(textOf(await upstream.call({ method: 'tools/call', params: { name: 'echo', arguments: { message: 'hello' } } }, limits))).toContain('hello');
  });

  it('hears progress under its own token', async () => {
    const seen: JsonObject[] = [];
    const answer = await upstream.call(
      { method: 'tools/call', params: { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 3 }, _meta: { progressToken: 'mine' } } },
      { ...limits, onMessage: (message) => seen.push(message) },
    );
    expect(textOf(answer)).toContain('completed');
    expect(seen.filter((message) => message['method'] === 'notifications/progress').map((message) => (message['params'] as JsonObject)['progressToken'])).toEqual([
      'mine',
      'mine',
      'mine',
    ]);
  });

  it('passes the error of an unknown method on', async () => {
    expect(await upstream.call({ method: 'no/such', params: {} }, limits)).toMatchObject({ error: { code: -32601 } });
  });
}

describe('server-everything over stdio', () => everything(() => open(stdio('server-everything', 'stdio'))));

describe('server-everything over Streamable HTTP', () => {
  let child: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/mcp`;
    child = spawn(process.execPath, [bin('server-everything'), 'streamableHttp'], { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually(() => said.includes('listening'), 'the start of server-everything', 15_000);
  }, 20_000);
  afterAll(async () => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  });

  everything(() => open({ kind: 'http', url }));
});

describe('server-filesystem and server-memory', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'customhouse-upstream-'));
    await writeFile(join(folder, 'note.txt'), 'kept');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('reads a file through server-filesystem', async () => {
    const upstream = await open(stdio('server-filesystem', folder));
    const answer = await upstream.call({ method: 'tools/call', params: { name: 'read_text_file', arguments: { path: join(folder, 'note.txt') } } }, limits);
    await upstream.close();
    expect(textOf(answer)).toBe('kept');
  });

  it('writes and reads through server-memory', async () => {
    const upstream = await open({ ...stdio('server-memory'), env: { MEMORY_FILE_PATH: join(folder, 'memory.json') } } as Transport);
    await upstream.call({ method: 'tools/call', params: { name: 'create_entities', arguments: { entities: [{ name: 'a', entityType: 'b', observations: ['c'] }] } } }, limits);
    const answer = await upstream.call({ method: 'tools/call', params: { name: 'read_graph', arguments: {} } }, limits);
    await upstream.close();
    expect(textOf(answer)).toContain('"observations"');
  });
});
