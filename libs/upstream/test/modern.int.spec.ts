import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Transport } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { EraMemory } from '../src/era-memory.js';
import { HttpClient } from '../src/http-client.js';
import { openUpstream, type UpstreamOptions } from '../src/open-upstream.js';
import type { CallOptions, Upstream } from '../src/upstream.js';
import { eventually } from './stand-in.js';

const script = fileURLToPath(new URL('./modern-server.mjs', import.meta.url));
const limits: CallOptions = { timeout_ms: 10_000, max_bytes: 1_000_000 };
const http = new HttpClient();
const children: ChildProcess[] = [];
const opened: Upstream[] = [];
afterEach(async () => {
  for (const upstream of opened.splice(0)) await upstream.close();
});
afterAll(async () => {
  await http.close();
  for (const child of children) child.kill('SIGKILL');
});

async function serveHttp(...args: string[]): Promise<Transport> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const port = await eventually(() => /^\d+\n/.exec(said)?.[0].trim(), 'the port', 15_000);
  return { kind: 'http', url: `http://127.0.0.1:${port}/mcp` };
}

async function open(transport: Transport, more: Partial<UpstreamOptions> = {}): Promise<Upstream> {
  const upstream = await openUpstream(transport, { clientInfo: { name: 'test', version: '1' }, http, ...more });
  opened.push(upstream);
  return upstream;
}

const tool = (name: string, args: JsonObject = {}, more: JsonObject = {}): { method: string; params: JsonObject } => ({
  method: 'tools/call',
  params: { name, arguments: args, ...more },
});
const textOf = (answer: unknown): string => (answer as { result: { content: { text: string }[] } }).result.content[0]!.text;
const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  );

describe.each(['http', 'stdio'] as const)('a modern upstream over %s', (kind) => {
  let transport: Transport;
  beforeAll(async () => {
    transport = kind === 'http' ? await serveHttp() : { kind: 'stdio', command: process.execPath, args: [script, '--stdio'], env: {} };
  }, 20_000);

  it('is found by server/discover, and says of itself what it said', async () => {
    const upstream = await open(transport);
    expect([upstream.era, upstream.protocol]).toEqual(['modern', '2026-07-28']);
    expect(upstream.initialized).toMatchObject({ supportedVersions: ['2026-07-28'], instructions: 'Be kind.', capabilities: { tools: {} } });
  });

  it('answers calls whole, what nobody knows included', async () => {
    const upstream = await open(transport);
    const answer = await upstream.call(tool('echo', { a: [1, { b: null }] }), limits);
    expect(answer).toMatchObject({ result: { resultType: 'complete', structuredContent: { a: [1, { b: null }] }, _meta: { kept: { deeply: [1] } } } });
  });

  it('sends marked arguments as headers too, whatever is in them', async () => {
    const upstream = await open(transport);
    const listed = (await upstream.call({ method: 'tools/list' }, limits)) as { result: { tools: JsonObject[] } };
    const definition = listed.result.tools.find((one) => one['name'] === 'where')!;
    expect(textOf(await upstream.call(tool('where', { region: ' Zürich\r\n', zone: 7 }), { ...limits, definition }))).toBe(' Zürich\r\n 7');
  });

  it('reports progress under the token of the caller, and logs where a level was set', async () => {
    const upstream = await open(transport);
    expect(await upstream.call({ method: 'logging/setLevel', params: { level: 'debug' } }, limits)).toEqual({ result: {} });
    const seen: JsonObject[] = [];
    upstream.onMessage((message) => seen.push(message));
    const answer = await upstream.call(tool('progress', {}, { _meta: { progressToken: 'mine' } }), { ...limits, onMessage: (message) => seen.push(message) });
    expect(textOf(answer)).toBe('number');
    const progress = seen.filter((message) => message['method'] === 'notifications/progress').map((message) => message['params']);
    expect(progress).toEqual([
      { progressToken: 'mine', progress: 1 },
      { progressToken: 'mine', progress: 2 },
    ]);
    expect(seen.filter((message) => message['method'] === 'notifications/message')).toHaveLength(1);
  });

  it('passes on a result that requires input, and the answers that are sent with the next call', async () => {
    const upstream = await open(transport, { capabilities: { elicitation: { form: {} } } });
    const first = (await upstream.call(tool('ask'), limits)) as { result: JsonObject };
    expect(first.result).toMatchObject({ resultType: 'input_required', inputRequests: { colour: { method: 'elicitation/create' } } });
    const answers: JsonObject = { inputResponses: { colour: { action: 'accept', content: { colour: 'blue' } } } };
    if (first.result['requestState'] !== undefined) answers['requestState'] = first.result['requestState'];
    expect(textOf(await upstream.call(tool('ask', {}, answers), limits))).toBe('You like blue');
  });

  it('hears the cancellation of a call', async () => {
    const upstream = await open(transport);
    const before = Number(textOf(await upstream.call(tool('cancelled'), limits)));
    const cancel = new AbortController();
    const call = settled(upstream.call(tool('hang', {}, { _meta: { progressToken: 1 } }), { ...limits, signal: cancel.signal }));
    // The server has taken the call once a later one is answered.
    await upstream.call(tool('echo'), limits);
    cancel.abort();
    expect(await call).toMatchObject({ reason: 'cancelled', sent: 'maybe' });
    for (let after = before; after === before;) after = Number(textOf(await upstream.call(tool('cancelled'), limits)));
  });

  it('hears of changed lists and of resources that it subscribed to, and of no others', async () => {
    const upstream = await open(transport);
    const heard: JsonObject[] = [];
    upstream.onMessage((message) => heard.push(message));
    expect(await upstream.call({ method: 'resources/subscribe', params: { uri: 'note:///a' } }, limits)).toEqual({ result: {} });
    await upstream.call(tool('change', { uri: 'note:///b' }), limits);
    await upstream.call(tool('change', { uri: 'note:///a' }), limits);
    await eventually(() => heard.length === 1, 'the update of the resource');
    await upstream.call(tool('change'), limits);
    await eventually(() => heard.length === 2, 'the change of the list');
    expect(heard.map((message) => [message['method'], (message['params'] as JsonObject | undefined)?.['uri']])).toEqual([
      ['notifications/resources/updated', 'note:///a'],
      ['notifications/tools/list_changed', undefined],
    ]);
    expect(JSON.stringify(heard)).not.toContain('subscriptionId');
    expect(await upstream.call({ method: 'resources/unsubscribe', params: { uri: 'note:///a' } }, limits)).toEqual({ result: {} });
    await upstream.call(tool('change', { uri: 'note:///a' }), limits);
    await upstream.call(tool('change'), limits);
    await eventually(() => heard.length === 3, 'the second change of the list');
    expect(heard[2]!['method']).toBe('notifications/tools/list_changed');
  });

  it('passes errors on as they are', async () => {
    const upstream = await open(transport);
    expect(await upstream.call({ method: 'no/such' }, limits)).toMatchObject({ error: { code: -32601 } });
    expect(await upstream.call({ method: 'resources/read', params: { uri: 'note:///z' } }, limits)).toMatchObject({ error: { code: -32602 } });
    expect(await upstream.call({ method: 'ping' }, limits)).toEqual({ result: {} });
  });

  it('takes no answers to requests that no modern server sends', async () => {
    const upstream = await open(transport);
    expect(await settled(upstream.respond(1, { result: {} }))).toMatchObject({ reason: 'malformed', sent: 'no' });
  });

  it('is modern also where it could be legacy', async () => {
    const both: Transport = kind === 'http' ? await serveHttp('--both') : { ...transport, kind: 'stdio', command: process.execPath, args: [script, '--stdio', '--both'], env: {} };
    const eras = new EraMemory();
    expect((await open(both, { eras })).era).toBe('modern');
    expect(eras.of(both)).toBe('modern');
  });

  it('is found again when it was legacy last time', async () => {
    const eras = new EraMemory();
    eras.remember(transport, 'legacy');
    expect((await open(transport, { eras })).era).toBe('modern');
    expect(eras.of(transport)).toBe('modern');
  });
});
