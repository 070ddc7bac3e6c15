import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client as ModernSdk, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacySdk } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitationCompleteNotificationSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Approve } from '@customhouse/policy-contract/approve';
import { Approvals, type HeldEvent } from './support/approvals.js';
import { freePort } from './support/everything.js';
import { eventually, Gateway } from './support/gateway.js';
import { RawModernClient, type Answered } from './support/modern.js';
import { StreamingClient, type EventStream } from './support/streaming-client.js';
import { MischievousServer } from './support/upstream.js';

const environment = {
  CUSTOMHOUSE_INGRESS_HOLD_MS: '120000',
  CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS: '300',
  CUSTOMHOUSE_INGRESS_APPROVALS_URL: 'https://desk.example',
};
const holding = (approve: Partial<Approve>) => [
  { id: 'ask-somebody', effect: 'hold' as const, reason: 'A person decides.', tools: ['mischief/*'], approve: { quorum: 1, expires_s: 3600, ...approve } },
];
const confirmable = holding({ requester_confirms: true });
const url: JsonObject = { elicitation: { form: {}, url: {} } };
const question = 'customhouse/confirmation';

let gateway: Gateway;
let upstream: MischievousServer;
let key: string;
let modern: RawModernClient;
/** Held calls so far. */
let holds = 0;
const approvals = new Approvals(() => gateway);

jest.setTimeout(60_000);
beforeAll(async () => {
  upstream = await MischievousServer.start();
  await start();
});
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

async function start(changes: Readonly<Record<string, string>> = {}, rules = confirmable): Promise<void> {
  gateway = await Gateway.start({ rules, environment: { ...environment, ...changes } });
  await gateway.addServer('mischief', upstream.transport);
  key = await gateway.issueKey();
  modern = modernClient();
  holds = 0;
}

const headers = (): Record<string, string> => ({ authorization: `Bearer ${key}` });
const modernClient = (capabilities: JsonObject = url): RawModernClient => new RawModernClient(gateway.url, capabilities, headers());

async function legacyClient(capabilities: JsonObject = url, protocol?: string): Promise<StreamingClient> {
  const client = new StreamingClient([gateway.url], headers(), capabilities);
  await client.initialize(protocol);
  return client;
}

let message = 0;
/** Arguments that no other test uses. */
const fresh = (): JsonObject => ({ message: `c${(message += 1)}` });
const resultOf = ({ message: answer }: Answered): JsonObject => answer['result'] as JsonObject;
const sentWith = (args: JsonObject): number => upstream.callsOf('echo').filter((call) => JSON.stringify(call.params['arguments']) === JSON.stringify(args)).length;
const pageOf = ({ data }: HeldEvent): string => `https://desk.example/approvals/${data.approval.id}`;
const open = (hold: HeldEvent): Promise<void> => approvals.say(hold, { status: 'open', decided_by: [] });
const typesSince = async (hold: HeldEvent): Promise<string[]> => (await approvals.after(hold)).types;

/** The next held call, once the approval service has opened its request. */
async function opened(): Promise<HeldEvent> {
  const hold = await approvals.held((holds += 1));
  await open(hold);
  return hold;
}

/** A call of a modern client, up to where it is sent to the page. */
async function sent(args: JsonObject, by = modern): Promise<{ first: Answered; hold: HeldEvent }> {
  const call = by.request('tools/call', { name: 'mischief__echo', arguments: args });
  const hold = await opened();
  return { first: await call, hold };
}

function again(args: JsonObject, before: Answered, said: JsonObject | undefined, by = modern, meta: JsonObject = {}): Promise<Answered> {
  const inputResponses: JsonObject = said === undefined ? {} : { [question]: said };
  return by.request('tools/call', { name: 'mischief__echo', arguments: args, inputResponses, requestState: resultOf(before)['requestState']! }, meta);
}

const atOnce: JsonObject = { 'customhouse/wait_ms': 0 };
const pending = { isError: true, content: [{ text: expect.stringContaining('Approval pending') }] };
const refused = { message: { error: { code: -32602, message: expect.stringContaining('requestState') } } };

describe('a client of 2026-07-28 that can send its user to a page', () => {
  it('is answered with that page, and the call runs when it is back and the person has confirmed', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    const params = { mode: 'url', url: pageOf(hold), message: expect.stringContaining('robot asks for tools/call mischief__echo') };
    expect(resultOf(first)).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
    expect(resultOf(first)['inputRequests']).toEqual({ [question]: { method: 'elicitation/create', params } });
    const second = again(args, first, { action: 'accept' });
    await approvals.approve(hold);
    expect(resultOf(await second)).toMatchObject({ resultType: 'complete', content: [{ text: args['message'] }], _meta: { 'customhouse/receipt': { call: hold.data.call } } });
    expect(sentWith(args)).toBe(1);
  });

  it('gets nothing by saying itself that it is accepted', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    expect(resultOf(await again(args, first, { action: 'accept', content: { approved: true } }, modern, atOnce))).toMatchObject(pending);
    const made = { name: 'mischief__echo', arguments: args, inputResponses: { [question]: { action: 'accept' } } };
    expect(resultOf(await modern.request('tools/call', made, atOnce))).toMatchObject({ resultType: expect.stringMatching(/^(?:complete|input_required)$/) });
    expect([await typesSince(hold), sentWith(args)]).toEqual([[], 0]);
  });

  it('hears what was decided while it was away, also when somebody else was told so before', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    await approvals.approve(hold);
    await eventually(async () => (await typesSince(hold)).includes('call.completed'));
    expect(resultOf(await modern.request('tools/call', { name: 'mischief__echo', arguments: args }))).toMatchObject({ content: [{ text: args['message'] }] });
    await eventually(async () => (await typesSince(hold)).includes('call.outcome.collected'));
    expect(resultOf(await again(args, first, { action: 'accept' }))).toMatchObject({ content: [{ text: args['message'] }] });
    expect(sentWith(args)).toBe(1);
  });

  it('goes on waiting when its user only closed the page, and is told to come back when its time is over', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    expect(resultOf(await again(args, first, { action: 'cancel' }, modern, atOnce))).toMatchObject(pending);
    expect(await typesSince(hold)).toEqual([]);
  });

  it('is sent there again when it comes back without an answer', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    const second = await again(args, first, undefined);
    expect(resultOf(second)).toMatchObject({ resultType: 'input_required', inputRequests: { [question]: { params: { url: pageOf(hold) } } } });
    expect(resultOf(await again(args, second, { action: 'accept' }, modern, atOnce))).toMatchObject(pending);
  });

  it('withdraws the call when its user declines, and hears so', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    const declined = again(args, first, { action: 'decline' });
    await eventually(async () => (await typesSince(hold)).includes('call.withdrawn'));
    await approvals.say(hold, { status: 'cancelled', reason: 'withdrawn', dispatcher: approvals.named(hold.position.offset) });
    expect(resultOf(await declined)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('Not approved: cancelled') }] });
    expect(sentWith(args)).toBe(0);
  });

  it('withdraws nothing that an identical call waits for: it only waits no longer itself', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    const other = modernClient({}).request('tools/call', { name: 'mischief__echo', arguments: args });
    await eventually(async () => (await gateway.registry.metrics()).includes('customhouse_ingress_held_waiting 1'));
    expect(resultOf(await again(args, first, { action: 'decline' }))).toMatchObject(pending);
    await approvals.approve(hold);
    expect(resultOf(await other)).toMatchObject({ content: [{ text: args['message'] }] });
    expect(await typesSince(hold)).not.toContain('call.withdrawn');
  });

  it('goes on with the same call when it forgets the state and repeats it', async () => {
    const args = fresh();
    const { hold } = await sent(args);
    const repeated = await modern.request('tools/call', { name: 'mischief__echo', arguments: args });
    expect(resultOf(repeated)).toMatchObject({ resultType: 'input_required', inputRequests: { [question]: { params: { url: pageOf(hold) } } } });
    expect((await gateway.events()).filter(({ type }) => type === 'call.held')).toHaveLength(holds);
  });

  it('waits as others do where it knows tasks, forms only, or nothing', async () => {
    const args = fresh();
    const task = modernClient({ ...url, extensions: { 'io.modelcontextprotocol/tasks': {} } }).request('tools/call', { name: 'mischief__echo', arguments: args });
    await opened();
    expect(resultOf(await task)).toMatchObject({ resultType: 'task', statusMessage: expect.stringContaining('https://desk.example/approvals/') });
    for (const capabilities of [{}, { elicitation: {} }, { elicitation: { form: {} } }] as JsonObject[])
      expect(resultOf(await modernClient(capabilities).request('tools/call', { name: 'mischief__echo', arguments: args }, atOnce))).toMatchObject(pending);
  });
});

describe('the state of a held call', () => {
  it('counts once, for the same request of the same caller, and not when it was made up', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    const state = String(resultOf(first)['requestState']);
    expect(await again(fresh(), first, { action: 'accept' })).toMatchObject(refused);
    const stranger = new RawModernClient(gateway.url, url, { authorization: `Bearer ${await gateway.issueKey({ person: 'eve@example.com' })}` });
    expect(await again(args, first, { action: 'accept' }, stranger)).toMatchObject(refused);
    for (const forged of ['', 'x', `${state.slice(0, -4)}AAAA`, hold.data.approval.id])
      expect(await again(args, { ...first, message: { result: { requestState: forged } } }, { action: 'accept' })).toMatchObject(refused);
    expect(resultOf(await again(args, first, { action: 'accept' }, modern, atOnce))).toMatchObject(pending);
    expect(await again(args, first, { action: 'accept' })).toMatchObject(refused);
    expect(sentWith(args)).toBe(0);
  });

  it('ends with the process, and the identical call goes on without it', async () => {
    const args = fresh();
    const { first, hold } = await sent(args);
    await gateway.restart();
    modern = modernClient();
    expect(await again(args, first, { action: 'accept' })).toMatchObject(refused);
    const repeated = await modern.request('tools/call', { name: 'mischief__echo', arguments: args });
    expect(resultOf(repeated)).toMatchObject({ inputRequests: { [question]: { params: { url: pageOf(hold) } } } });
  });
});

describe('a client of 2025-11-25 that can send its user to a page', () => {
  interface Asked {
    readonly client: StreamingClient;
    readonly id: number;
    readonly stream: EventStream;
    readonly hold: HeldEvent;
    readonly asked: JsonObject;
  }

  async function asked(args: JsonObject, meta?: JsonObject): Promise<Asked> {
    const client = await legacyClient();
    const { id, stream } = await client.call('mischief__echo', args, meta);
    const hold = await opened();
    return { client, id, stream, hold, asked: await stream.method('elicitation/create') };
  }

  it('is asked on the stream of its call, told when it was decided, and then has its answer', async () => {
    const args = fresh();
    const { client, id, stream, hold, asked: page } = await asked(args);
    const params = { mode: 'url', url: pageOf(hold), elicitationId: expect.any(String), message: expect.stringContaining('leave it to you') };
    expect(page['params']).toEqual(params);
    await client.post({ id: page['id']!, result: { action: 'accept' } });
    expect([await typesSince(hold), sentWith(args)]).toEqual([[], 0]);
    await approvals.approve(hold);
    expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    const { elicitationId } = page['params'] as JsonObject;
    expect(stream.messages.map(({ method, params: said }) => [method, (said as JsonObject | undefined)?.['elicitationId']])).toEqual([
      ['elicitation/create', elicitationId],
      ['notifications/elicitation/complete', elicitationId],
      [undefined, undefined],
    ]);
    expect(sentWith(args)).toBe(1);
  });

  it('need not answer: the question is taken back when it was decided', async () => {
    const args = fresh();
    const { id, stream, hold, asked: page } = await asked(args);
    await approvals.deny(hold);
    expect(await stream.answer(id)).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('too risky') }] } });
    expect((await stream.method('notifications/cancelled'))['params']).toMatchObject({ requestId: page['id'] });
    expect(await stream.method('notifications/elicitation/complete')).toMatchObject({ params: { elicitationId: (page['params'] as JsonObject)['elicitationId'] } });
  });

  it.each<[string, JsonObject]>([
    ['accept', { result: { action: 'accept', content: { approve: true } } }],
    ['cancel', { result: { action: 'cancel' } }],
    ['an error', { error: { code: -32601, message: 'no such method' } }],
    ['nonsense', { result: { granted: true } }],
  ])('gets nothing by answering with %s', async (_, answer) => {
    const args = fresh();
    const { client, id, stream, hold, asked: page } = await asked(args);
    await client.post({ id: page['id']!, ...answer });
    const other = await client.call('mischief__echo', args, atOnce);
    expect(await other.stream.answer(other.id)).toMatchObject({ result: pending });
    expect([await typesSince(hold), sentWith(args)]).toEqual([[], 0]);
    expect(stream.messages.filter((each) => each['id'] === id && !('method' in each))).toEqual([]);
  });

  it('withdraws the call when its user declines, and hears so', async () => {
    const args = fresh();
    const { client, id, stream, hold, asked: page } = await asked(args);
    await client.post({ id: page['id']!, result: { action: 'decline' } });
    await eventually(async () => (await typesSince(hold)).includes('call.withdrawn'));
    await approvals.say(hold, { status: 'cancelled', reason: 'withdrawn', dispatcher: approvals.named(hold.position.offset) });
    expect(await stream.answer(id)).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('Not approved: cancelled') }] } });
    expect(sentWith(args)).toBe(0);
  });

  it('is told on its standing stream when its call was answered with "pending" meanwhile', async () => {
    const args = fresh();
    const client = await legacyClient();
    const standing = await client.listen();
    const first = await client.call('mischief__echo', args);
    const hold = await opened();
    const page = await first.stream.method('elicitation/create');
    await client.post({ id: page['id']!, result: { action: 'accept' } });
    await client.post({ method: 'notifications/cancelled', params: { requestId: first.id } });
    await eventually(() => first.stream.ended);
    await approvals.approve(hold);
    expect(await standing.method('notifications/elicitation/complete')).toMatchObject({ params: { elicitationId: (page['params'] as JsonObject)['elicitationId'] } });
    const repeated = await client.call('mischief__echo', args);
    expect(await repeated.stream.answer(repeated.id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect(sentWith(args)).toBe(1);
  });

  it('is asked once at a time: the question of an identical call takes the place of the first', async () => {
    const args = fresh();
    const { client, stream, hold, asked: page } = await asked(args);
    const other = await client.call('mischief__echo', args);
    const second = await other.stream.method('elicitation/create');
    expect(second['params']).toMatchObject({ url: pageOf(hold) });
    expect((await stream.method('notifications/cancelled'))['params']).toMatchObject({ requestId: page['id'] });
  });

  it('waits as others do where it knows forms only, or speaks an earlier revision', async () => {
    for (const [capabilities, protocol] of [
      [{ elicitation: {} }, '2025-11-25'],
      [url, '2025-06-18'],
    ] as const) {
      const client = await legacyClient(capabilities, protocol);
      const args = fresh();
      const { id, stream } = await client.call('mischief__echo', args);
      const hold = await opened();
      await approvals.approve(hold);
      expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
      expect(stream.messages).toHaveLength(1);
    }
  });
});

describe('the official clients', () => {
  it('of 2025-11-25 send their user there, and have the result when it was confirmed', async () => {
    const args = fresh();
    const visited: unknown[] = [];
    const completed: unknown[] = [];
    const client = new LegacySdk({ name: 'sdk', version: '1' }, { capabilities: { elicitation: { url: {} } } });
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      visited.push(params);
      await approvals.approve(await approvals.held(holds));
      return { action: 'accept' };
    });
    client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => void completed.push(params.elicitationId));
    await client.connect(new LegacyTransport(new URL(gateway.url), { requestInit: { headers: headers() } }) as Parameters<LegacySdk['connect']>[0]);
    try {
      const result = client.callTool({ name: 'mischief__echo', arguments: args });
      const hold = await opened();
      expect(await result).toMatchObject({ content: [{ text: args['message'] }] });
      expect(visited).toMatchObject([{ mode: 'url', url: pageOf(hold) }]);
      expect(completed).toEqual([(visited[0] as { elicitationId: string }).elicitationId]);
    } finally {
      await client.close();
    }
  });

  it('of 2026-07-28 send their user there, and come back by themselves', async () => {
    const args = fresh();
    const visited: unknown[] = [];
    const client = new ModernSdk({ name: 'sdk', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: { url: {} } } });
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      visited.push(params);
      await approvals.approve(await approvals.held(holds));
      return { action: 'accept' };
    });
    await client.connect(new ModernTransport(new URL(gateway.url), { requestInit: { headers: headers() } }));
    try {
      const result = client.callTool({ name: 'mischief__echo', arguments: args });
      const hold = await opened();
      expect(await result).toMatchObject({ content: [{ text: args['message'] }] });
      expect(visited).toMatchObject([{ mode: 'url', url: pageOf(hold) }]);
      expect(sentWith(args)).toBe(1);
    } finally {
      await client.close();
    }
  });
});

describe('nobody is sent to a page', () => {
  it.each<[string, Readonly<Record<string, string>>, Partial<Approve>]>([
    ['where a rule wants four eyes', {}, {}],
    ['where the gateway knows no page', { CUSTOMHOUSE_INGRESS_APPROVALS_URL: '' }, { requester_confirms: true }],
  ])(
    '%s',
    async (_, changes, approve) => {
      await gateway.close();
      await start(changes, holding(approve));
      const args = fresh();
      const legacy = await legacyClient();
      const waiting = await legacy.call('mischief__echo', args);
      const hold = await opened();
      expect(resultOf(await modern.request('tools/call', { name: 'mischief__echo', arguments: args }, atOnce))).toMatchObject({ resultType: 'complete', ...pending });
      await approvals.approve(hold);
      expect(await waiting.stream.answer(waiting.id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
      expect(waiting.stream.messages).toHaveLength(1);
    },
    60_000,
  );
});

describe('behind a plain round robin', () => {
  it('a client comes back at any replica, and the state counts once at all of them', async () => {
    await gateway.close();
    const ports = [await freePort(), await freePort()];
    const peers = ports.map((port) => `http://127.0.0.1:${port}`);
    const settingsOf = (index: number): Record<string, string> => ({
      CUSTOMHOUSE_INGRESS_PORT: String(ports[index]),
      CUSTOMHOUSE_INGRESS_PEER_URL: peers[index]!,
      CUSTOMHOUSE_INGRESS_PEERS: peers.join(','),
    });
    await start(settingsOf(0));
    const other = await Gateway.start({ rules: confirmable, environment: { ...environment, ...settingsOf(1) }, beside: gateway });
    try {
      const there = new RawModernClient(other.url, url, headers());
      await eventually(async () => other.ingress.knowsTool('mischief', 'echo') && (await there.request('tools/list')).status === 200);
      const args = fresh();
      const { first, hold } = await sent(args);
      const second = await again(args, first, undefined, there);
      expect(resultOf(second)).toMatchObject({ inputRequests: { [question]: { params: { url: pageOf(hold) } } } });
      for (const client of [there, modern]) expect(await again(args, first, { action: 'accept' }, client)).toMatchObject(refused);
      const back = again(args, second, { action: 'accept' }, there);
      await approvals.approve(hold);
      expect(resultOf(await back)).toMatchObject({ content: [{ text: args['message'] }] });
      expect(sentWith(args)).toBe(1);
    } finally {
      await other.close();
    }
  });
});
