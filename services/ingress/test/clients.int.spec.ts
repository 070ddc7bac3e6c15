import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { everythingByStdio, startEverything } from './support/everything.js';
import { eventually, Gateway } from './support/gateway.js';

let gateway: Gateway;
let http: Awaited<ReturnType<typeof startEverything>>;

beforeAll(async () => {
  [gateway, http] = await Promise.all([Gateway.start(), startEverything()]);
  await gateway.addServer('by-stdio', everythingByStdio, ['read-only']);
  await gateway.addServer('by-http', http.transport, ['read-only']);
}, 90_000);

afterAll(async () => {
  await gateway?.close();
  await http?.close();
}, 30_000);

/** What both SDKs offer, as far as these tests use it. */
interface AnyClient {
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: { name: string; arguments: Record<string, unknown> }, ...rest: unknown[]): Promise<unknown>;
  getServerVersion(): unknown;
  close(): Promise<void>;
}

const info = { name: 'customhouse-test', version: '1.0.0' };

async function v1(url: string): Promise<AnyClient> {
  const client = new ClientV1(info);
  await client.connect(new TransportV1(new URL(url)));
  return client as AnyClient;
}

async function v2(url: string): Promise<AnyClient> {
  const client = new ClientV2(info);
  await client.connect(new TransportV2(new URL(url)));
  return client as unknown as AnyClient;
}

async function modern(url: string): Promise<AnyClient> {
  const client = new ClientV2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new TransportV2(new URL(url)));
  return client as unknown as AnyClient;
}

describe.each([
  ['the SDK, version 1', v1],
  ['the SDK, version 2', v2],
  ['the SDK, version 2, in the modern era', modern],
])('%s', (_, connect) => {
  let client: AnyClient;
  beforeAll(async () => {
    client = await connect(gateway.url);
  });
  afterAll(() => client?.close());

  it('is introduced to the gateway', () => {
    expect(client.getServerVersion()).toMatchObject({ name: 'customhouse' });
  });

  it('lists the tools of both servers', async () => {
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name);
    expect(names).toEqual(expect.arrayContaining(['by-stdio__echo', 'by-http__echo', 'by-stdio__get-sum', 'by-http__get-sum']));
  });

  it.each([['by-stdio'], ['by-http']])('calls a tool of %s', async (server) => {
    expect(await client.callTool({ name: `${server}__echo`, arguments: { message: 'hello' } })).toMatchObject({
      content: [{ type: 'text', text: 'Echo: hello' }],
      _meta: { 'customhouse/receipt': { call: expect.any(String), sequence: expect.any(Number) } },
    });
  });

  it.each([['by-stdio'], ['by-http']])('hears the progress of %s', async (server) => {
    const seen: number[] = [];
    const options = { onprogress: ({ progress }: { progress: number }) => void seen.push(progress) };
    const params = { name: `${server}__trigger-long-running-operation`, arguments: { duration: 1, steps: 4 } };
    // Version 1 takes a schema between the two.
    const result = connect === v1 ? client.callTool(params, undefined, options) : client.callTool(params, options);
    expect(await result).toMatchObject({ content: [{ text: expect.stringContaining('completed') }] });
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it.each([['by-stdio'], ['by-http']])('cancels a call of %s, which has one end in the log', async (server) => {
    const before = (await gateway.events()).length;
    const giveUp = new AbortController();
    const params = { name: `${server}__trigger-long-running-operation`, arguments: { duration: 30, steps: 30 } };
    const options = { signal: giveUp.signal };
    const call = connect === v1 ? client.callTool(params, undefined, options) : client.callTool(params, options);
    await eventually(async () => (await gateway.events()).length > before);
    giveUp.abort();
    await expect(call).rejects.toThrow();
    await eventually(async () => (await gateway.events()).length === before + 2);
    expect((await gateway.events()).slice(before).map((event) => event.type)).toEqual(['call.admitted', 'call.outcome.lost']);
  });

  it('is told about a tool that does not exist', async () => {
    await expect(client.callTool({ name: 'by-http__nothing', arguments: {} })).rejects.toThrow(/no tool "by-http__nothing"/);
  });

  it('works at the endpoint of one server, which introduces itself', async () => {
    const own = await connect(gateway.url.replace('/mcp', '/servers/by-http/mcp'));
    expect(String((own.getServerVersion() as { name: string }).name)).toMatch(/everything/);
    expect(await own.callTool({ name: 'get-sum', arguments: { a: 2, b: 40 } })).toMatchObject({ content: [{ text: expect.stringContaining('42') }] });
    await own.close();
  });

  it('keeps structured content', async () => {
    expect(await client.callTool({ name: 'by-stdio__get-structured-content', arguments: { location: 'New York' } })).toMatchObject({
      structuredContent: { conditions: expect.any(String) },
    });
  });
});

describe('the SDK, version 2, in the modern era', () => {
  let client: ClientV2;
  beforeAll(async () => {
    client = new ClientV2(info, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new TransportV2(new URL(gateway.url)));
  });
  afterAll(() => client?.close());

  it('is found by itself', () => {
    expect(client.getProtocolEra()).toBe('modern');
  });

  it('listens for changes', async () => {
    const heard: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
    const subscription = await client.listen({ toolsListChanged: true });
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true });
    await gateway.publishTool('by-http', { name: 'new-tool', inputSchema: { type: 'object' } }, 99);
    await eventually(() => heard.length > 0);
    await subscription.close();
  });
});
