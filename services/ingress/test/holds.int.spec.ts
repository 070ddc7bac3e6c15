import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bindingText } from '@customhouse/events/call/binding';
import { callDenied, callDispatched } from '@customhouse/events/call/events';
import { EventWriter } from '@customhouse/event-log/event-writer';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { ApprovalState, HeldData } from '../src/holds/hold.js';
import { Approvals } from './support/approvals.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { AskingServer } from './support/asking-server.js';
import { LibraryServer } from './support/library-server.js';
import { RawClient } from './support/mcp.js';
import { RawModernClient } from './support/modern.js';
import { StreamingClient, valueIn } from './support/streaming-client.js';
import { MischievousServer } from './support/upstream.js';

/** Rules that hold what the tests call. */
const holding = [{ id: 'ask-somebody', effect: 'hold' as const, reason: 'A person decides.', tools: ['mischief/*'], approve: { quorum: 1, expires_s: 3600 } }];

let gateway: Gateway;
let upstream: MischievousServer;
let client: RawClient;
let key: string;

beforeAll(async () => {
  upstream = await MischievousServer.start();
}, 30_000);
afterAll(() => upstream?.close());

beforeEach(async () => {
  gateway = await Gateway.start({
    rules: holding,
    environment: { CUSTOMHOUSE_INGRESS_HOLD_MS: '1200', CUSTOMHOUSE_INGRESS_HOLD_WITH_PROGRESS_MS: '3500', CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS: '300' },
  });
  await gateway.addServer('mischief', upstream.transport);
  key = await gateway.issueKey();
  client = new RawClient(gateway.url, { authorization: `Bearer ${key}` });
  await client.initialize();
}, 60_000);
afterEach(() => gateway?.close(), 30_000);

let message = 0;
/** Arguments that no other test uses. */
const fresh = (): JsonObject => ({ message: `m${(message += 1)}` });

const approvals = new Approvals(() => gateway);
const held = approvals.held.bind(approvals);
const say = approvals.say.bind(approvals);
const named = approvals.named.bind(approvals);
const approve = approvals.approve.bind(approvals);
const after = approvals.after.bind(approvals);

const textOf = (answer: JsonObject): string => JSON.stringify((answer['result'] as JsonObject)['content']);
const sentWith = (args: JsonObject): number => upstream.callsOf('echo').filter((call) => JSON.stringify(call.params['arguments']) === JSON.stringify(args)).length;

/** What became of a call, also where its time for waiting was over before a slow machine had got so far. */
async function outcomeOf(call: () => Promise<JsonObject>): Promise<JsonObject> {
  let answer = await call();
  while (JSON.stringify(answer).includes('Approval pending')) answer = await call();
  return answer;
}

describe('a held call', () => {
  it('that runs while its client waits asks that client, on the stream that it waits on', async () => {
    const asker = await AskingServer.start();
    try {
      await gateway.addServer('asker', asker.transport);
      await gateway.activate([
        { id: 'ask-somebody', effect: 'hold', reason: 'A person decides.', tools: ['asker/*'] },
        { id: 'roots', effect: 'allow', reason: 'a test', methods: ['roots/list'], tools: ['*/*'] },
      ]);
      const waiting = new StreamingClient([gateway.url], { authorization: `Bearer ${key}` }, { roots: {} });
      await waiting.initialize();
      const { id, stream } = await waiting.call('asker__ask', { method: 'roots/list', params: {} });
      await approve(await held());
      const asked = await stream.method('roots/list');
      await waiting.post({ id: asked['id']!, result: { roots: [{ uri: 'file:///a' }] } });
      expect(valueIn(await stream.answer(id))).toEqual({ result: { roots: [{ uri: 'file:///a' }] } });
      expect(asker.initialized.at(-1)).toMatchObject({ capabilities: { roots: {} } });
    } finally {
      await asker.close();
    }
  }, 20_000);

  it('of a client without sessions is answered in the words of its era, when it repeats the call or while it waits', async () => {
    const modern = new RawModernClient(gateway.url, {}, { authorization: `Bearer ${key}` });
    const args = fresh();
    const call = (wait_ms: number): ReturnType<RawModernClient['request']> =>
      modern.request('tools/call', { name: 'mischief__echo', arguments: args }, { 'customhouse/wait_ms': wait_ms });
    expect((await call(0)).message['result']).toMatchObject({ resultType: 'complete', isError: true, _meta: { 'customhouse/decision': { effect: 'hold' } } });
    const repeated = call(60_000);
    await approve(await held());
    expect((await repeated).message['result']).toMatchObject({ resultType: 'complete', content: [{ text: args['message'] }] });
    expect(sentWith(args)).toBe(1);
  }, 20_000);

  it('is recorded with what may run, bound by a digest, and answered "pending" when nobody decides in time', async () => {
    const args = fresh();
    const started = performance.now();
    const answer = await client.call('mischief__echo', args);
    expect(performance.now() - started).toBeGreaterThan(1_000);
    const hold = await held();
    expect(answer).toMatchObject({ result: { isError: true, _meta: { 'customhouse/decision': { effect: 'hold', approval: hold.data.approval.id, call: hold.data.call } } } });
    expect(textOf(answer)).toMatch(/Approval pending.*Repeat the identical call/);
    expect(hold.data.approval).toMatchObject({ quorum: 1, binding: gateway.sealer.digest(bindingText(hold.data)) });
    expect(Date.parse(hold.data.approval.expires) - Date.parse(hold.envelope.time)).toBe(3_600_000);
    expect(sentWith(args)).toBe(0);
  });

  it('opens a stream at once and shows signs of life while it waits', async () => {
    const answer = await fetch(gateway.url, {
      method: 'POST',
      headers: { ...client.headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': client.session! },
      body: JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'mischief__echo', arguments: fresh() } }),
    });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toMatch(/^id: [\w-]+\nretry: 1000\ndata: \n\n(?:: waiting\n\n)+event: message\nid: [\w-]+\ndata: .*Approval pending/);
  });

  it('shows progress, and waits longer, for a client that asked for it', async () => {
    const started = performance.now();
    const { events } = await client.post({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'mischief__echo', arguments: fresh(), _meta: { progressToken: 'mine' } } });
    expect(performance.now() - started).toBeGreaterThan(3_000);
    const progress = events.filter((event) => event['method'] === 'notifications/progress').map((event) => event['params'] as JsonObject);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress[0]).toEqual({ progressToken: 'mine', progress: 1, message: 'waiting for a person to approve the call' });
    expect(progress.map((params) => params['progress'])).toEqual(progress.map((_, index) => index + 1));
  });

  it('waits no longer than its caller wants to', async () => {
    const started = performance.now();
    expect(textOf(await client.call('mischief__echo', fresh(), { _meta: { 'customhouse/wait_ms': 0 } }))).toContain('Approval pending');
    expect(performance.now() - started).toBeLessThan(1_150);
  });

  it('runs once when it was approved, with the stored arguments, while its client waits', async () => {
    const args = fresh();
    const answer = outcomeOf(() => client.call('mischief__echo', args));
    const hold = await held();
    expect(sentWith(args)).toBe(0);
    await approve(hold);
    expect(await answer).toMatchObject({ result: { content: [{ text: args['message'] }], _meta: { 'customhouse/receipt': { call: hold.data.call } } } });
    await say(hold, { status: 'dispatching', dispatcher: named(hold.position.offset) });
    await say(hold, { status: 'dispatching', dispatcher: named(hold.position.offset, { attempt: 2 }) });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sentWith(args)).toBe(1);
    // The client has it: that is said in the log, so that no other replica gives it out again.
    await eventually(async () => expect((await after(hold)).types).toEqual(['call.dispatched', 'call.completed', 'call.outcome.collected']));
  });

  it('runs when its client has gone, and the identical call gets what it brought, once', async () => {
    const args = fresh();
    expect(textOf(await client.call('mischief__echo', args))).toContain('Approval pending');
    const hold = await held();
    await approve(hold);
    await eventually(async () => (await after(hold)).types.at(-1) === 'call.completed');
    const { position } = await after(hold);
    await say(hold, { status: 'closed', outcome: position });
    expect(await client.call('mischief__echo', args)).toMatchObject({
      result: { content: [{ text: args['message'] }], _meta: { 'customhouse/receipt': { call: hold.data.call } } },
    });
    expect(sentWith(args)).toBe(1);
    // The next one is a new call, and asks again.
    expect(textOf(await client.call('mischief__echo', args))).toContain('Approval pending');
    expect((await held(2)).data.call).not.toBe(hold.data.call);
    expect(sentWith(args)).toBe(1);
  }, 15_000);

  it('is one hold for two identical calls at once, and both get the outcome', async () => {
    const args = fresh();
    const answers = [client.call('mischief__echo', args), client.call('mischief__echo', args)];
    await approve(await held());
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect([sentWith(args), (await gateway.events()).filter((event) => event.type === 'call.held').length]).toEqual([1, 1]);
  });

  it('is a new call after another replica gave its outcome to the client', async () => {
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    await approve(hold);
    await eventually(async () => (await after(hold)).types.at(-1) === 'call.completed');
    await say(hold, { status: 'closed', outcome: (await after(hold)).position });
    // What the approval service does when it reads call.outcome.collected.
    await gateway.writer.remove('customhouse.state.approvals', hold.data.approval.id);
    await eventually(async () => textOf(await client.call('mischief__echo', args, { _meta: { 'customhouse/wait_ms': 0 } })).includes('Approval pending'));
    expect((await held(2)).data.call).not.toBe(hold.data.call);
  });

  it('is not the same call for another person, another tool or other arguments', async () => {
    const args = fresh();
    const eve = new RawClient(gateway.url, { authorization: `Bearer ${await gateway.issueKey({ person: 'eve@example.com' })}` });
    await eve.initialize();
    const calls = [client.call('mischief__echo', args), eve.call('mischief__echo', args), client.call('mischief__slow', args), client.call('mischief__echo', fresh())];
    await held(4);
    await Promise.all(calls);
  });

  it('does not run a second time when the policy allows it by then: the repetition gets the outcome', async () => {
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    await gateway.activate([{ id: 'allow-everything', effect: 'allow', reason: 'a test', tools: ['*/*'] }]);
    const repeated = outcomeOf(() => client.call('mischief__echo', args));
    await approve(hold);
    expect(await repeated).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect(sentWith(args)).toBe(1);
  });

  it.each([
    ['denied', { status: 'denied', reason: 'not today' }, 'denied by bob@example.com: not today'],
    ['expired', { status: 'expired' }, 'nobody decided until'],
    ['cancelled', { status: 'cancelled', reason: 'not needed' }, 'cancelled by bob@example.com: not needed'],
  ] as const)('that was %s is not sent, its client is told, and so is the log', async (reason, state, words) => {
    const args = fresh();
    const answer = client.call('mischief__echo', args);
    const hold = await held();
    await say(hold, { ...state, dispatcher: named(hold.position.offset) });
    expect(textOf(await answer)).toContain(words);
    await eventually(async () => (await after(hold)).types.length === 2);
    expect((await after(hold)).types).toEqual(['call.denied', 'call.outcome.collected']);
    expect((await gateway.events()).findLast((event) => event.type === 'call.denied')!.data).toMatchObject({ reason, approval: hold.data.approval.id });
    expect(sentWith(args)).toBe(0);
  });

  it('is left to another process that was named, whose outcome its client gets', async () => {
    const args = fresh();
    const answer = client.call('mischief__echo', args);
    const hold = await held();
    await say(hold, { status: 'dispatching', dispatcher: named(hold.position.offset, { instance: 'another' }) });
    await say(hold, { status: 'dispatching', dispatcher: named(hold.position.offset, { epoch: '1' }) });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([sentWith(args), (await after(hold)).types]).toEqual([0, []]);
    // The other one denies it.
    const other = await writer('another');
    const recorded = await other.append({
      declaration: callDenied,
      subject: `call-${hold.data.call}`,
      key: hold.data.session,
      data: { call: hold.data.call, approval: hold.data.approval.id, reason: 'denied', message: 'denied by eve: no' },
    });
    await say(hold, { status: 'closed', outcome: recorded.position });
    expect(textOf(await answer)).toContain('denied by eve: no');
    await other.close();
  });

  it('is not sent by a process that slept while another one was named and sent it', async () => {
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    const other = await writer('another');
    await other.append({
      declaration: callDispatched,
      subject: `call-${hold.data.call}`,
      key: hold.data.session,
      data: { call: hold.data.call, approval: hold.data.approval.id, binding: hold.data.approval.binding, deadline: '2026-01-01T00:00:00.000Z' },
    });
    await approve(hold);
    await eventually(async () => (await after(hold)).types.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([sentWith(args), (await after(hold)).types]).toEqual([0, ['call.dispatched', 'call.dispatched']]);
    await other.close();
  });

  it('does not hold up other calls of the same client', async () => {
    await gateway.activate([...holding, { id: 'allow-others', effect: 'allow', reason: 'x', tools: ['other/*'] }]);
    await gateway.addServer('other', upstream.transport);
    const waiting = client.call('mischief__echo', fresh());
    await held();
    expect(await client.call('other__echo', { message: 'meanwhile' })).toMatchObject({ result: { content: [{ text: 'meanwhile' }] } });
    await waiting;
  });

  it('stays when its client cancels or goes away: a person may still decide', async () => {
    const args = fresh();
    const waiting = client.post({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'mischief__echo', arguments: args } });
    const hold = await held();
    await client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } });
    expect((await waiting).events).toEqual([]);
    expect((await after(hold)).types).toEqual([]);
    await approve(hold);
    await eventually(() => sentWith(args) === 1);
  });
});

describe('what an approval was given on is asked again before the call is sent', () => {
  it.each<[string, string, (hold: StoredEvent & { data: HeldData }) => Promise<Partial<ApprovalState> | void>]>([
    ['its agent was stopped', 'stopped', () => gateway.stop('agent', 'robot')],
    ['the policy refuses it now', 'policy-changed', () => gateway.activate([{ id: 'never', effect: 'refuse', reason: 'No.', tools: ['*/*'] }])],
    [
      'the policy asks for more approvers now',
      'policy-changed',
      () => gateway.activate([{ id: 'by-two', effect: 'hold', reason: 'Two of us.', tools: ['*/*'], approve: { quorum: 2, expires_s: 3600 } }]),
    ],
    [
      'the definition changed',
      'definition-changed',
      async () => {
        await gateway.publishTool('mischief', { name: 'echo', inputSchema: {}, description: 'something else' });
        await eventually(async () => JSON.stringify(await client.request('tools/list')).includes('something else'));
      },
    ],
    [
      'the server was configured anew',
      'definition-changed',
      async () => {
        await gateway.publishServer('mischief', upstream.transport, 2);
        await gateway.publishTool('mischief', { name: 'marker', inputSchema: {} });
        await eventually(() => gateway.ingress.knowsTool('mischief', 'marker'));
      },
    ],
    ['the key was revoked', 'identity-revoked', () => gateway.revoke(key)],
    ['another binding was approved', 'digest-mismatch', () => Promise.resolve({ binding: 'another' })],
  ])('%s: %s', async (_, reason, happens) => {
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    const changes = (await happens(hold)) ?? {};
    await say(hold, { status: 'dispatching', dispatcher: named(hold.position.offset), ...changes });
    await eventually(async () => (await after(hold)).types.length > 0);
    expect(await after(hold)).toMatchObject({ types: ['call.denied'], last: { reason } });
    expect(sentWith(args)).toBe(0);
  });

  it('the time is over: expired', async () => {
    await gateway.activate([{ ...holding[0]!, approve: { quorum: 1, expires_s: 1 } }]);
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    await approve(hold);
    await eventually(async () => (await after(hold)).types.length > 0);
    expect(await after(hold)).toMatchObject({ types: ['call.denied'], last: { reason: 'expired' } });
    expect(sentWith(args)).toBe(0);
  });
});

describe('a held request for something else than a tool', () => {
  let library: LibraryServer;
  beforeAll(async () => void (library = await LibraryServer.start('library', ['file:///a'])));
  afterAll(() => library?.close());
  beforeEach(async () => {
    library.received.length = 0;
    await gateway.addLibrary('library', library.transport);
    await gateway.activate([
      ...allowEveryMethod,
      { ...holding[0]!, id: 'ask-about-library', methods: ['prompts/get', 'resources/read', 'completion/complete'], tools: ['library/*'] },
    ]);
    await eventually(async () => expect(((await client.request('resources/list'))['result'] as { resources: unknown[] }).resources).toHaveLength(1));
  });

  it.each<[string, JsonObject, string, JsonObject, JsonObject]>([
    ['prompts/get', { name: 'library__greet', arguments: { who: 'Ada' } }, 'greet', { name: 'greet', arguments: { who: 'Ada' } }, { messages: expect.anything() as never }],
    ['resources/read', { uri: 'file:///a', page: 2 }, 'file:///a', { uri: 'file:///a', page: 2 }, { contents: [expect.objectContaining({ text: 'text of library' })] as never }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'library__greet' }, argument: { name: 'who', value: 'A' } },
      'greet',
      { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'A' } },
      { completion: expect.anything() as never },
    ],
  ])('%s says "pending" in an error, and runs once it was approved, with what was stored', async (method, params, target, sent, result) => {
    const answer = await client.request(method, params);
    const hold = await held();
    expect(hold.data).toMatchObject({ method, server: 'library', tool: target, approval: { binding: gateway.sealer.digest(bindingText(hold.data)) } });
    expect(answer).toMatchObject({
      error: {
        code: -31026,
        message: expect.stringMatching(/^Approval pending.*Repeat the identical call/),
        data: { rule: 'approval-pending', effect: 'hold', approval: hold.data.approval.id },
      },
    });
    const waiting = outcomeOf(() => client.request(method, params));
    await approve(hold);
    expect(await waiting).toMatchObject({ result });
    expect(library.of(method)).toEqual([sent]);
    await eventually(async () => expect((await after(hold)).types).toEqual(['call.dispatched', 'call.completed', 'call.outcome.collected']));
  });

  it('is refused in an error when it was denied', async () => {
    const waiting = client.request('resources/read', { uri: 'file:///a' });
    const hold = await held();
    await say(hold, { status: 'denied', dispatcher: named(hold.position.offset), reason: 'not today' });
    expect(await waiting).toMatchObject({
      error: { code: -31025, message: expect.stringContaining('not today'), data: { rule: 'refused', rules: ['denied'], approval: hold.data.approval.id } },
    });
    expect(library.of('resources/read')).toEqual([]);
  });

  it('is another one than the same words for another method', async () => {
    void client.request('prompts/get', { name: 'library__greet' });
    const first = await held();
    void client.request('completion/complete', { ref: { type: 'ref/prompt', name: 'library__greet' } });
    const second = await held(2);
    expect(second.data.approval.id).not.toBe(first.data.approval.id);
  });

  it('is not sent when its prompt is not served any more: definition-changed', async () => {
    const waiting = client.request('prompts/get', { name: 'library__greet' });
    const hold = await held();
    await gateway.withdrawPrompt('library', 'greet');
    await eventually(async () => expect(((await client.request('prompts/list'))['result'] as { prompts: unknown[] }).prompts).toEqual([]));
    await approve(hold);
    expect(await waiting).toMatchObject({ error: { code: -31025, data: { rules: ['definition-changed'] } } });
    expect(library.of('prompts/get')).toEqual([]);
  });
});

describe('after a restart', () => {
  it('a held call is still there: it runs when it is approved, and the identical call gets its outcome', async () => {
    const args = fresh();
    expect(textOf(await client.call('mischief__echo', args))).toContain('Approval pending');
    const hold = await held();
    await say(hold, { status: 'open' });
    await gateway.restart();
    client = new RawClient(gateway.url, client.headers);
    await client.initialize();
    const repeated = client.call('mischief__echo', args);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await approve(hold);
    expect(await repeated).toMatchObject({ result: { content: [{ text: args['message'] }], _meta: { 'customhouse/receipt': { call: hold.data.call } } } });
    expect([sentWith(args), (await gateway.events()).filter((event) => event.type === 'call.held').length]).toEqual([1, 1]);
  }, 20_000);

  it('an outcome that nobody was given yet is still there', async () => {
    const args = fresh();
    await client.call('mischief__echo', args);
    const hold = await held();
    await approve(hold);
    await eventually(async () => (await after(hold)).types.at(-1) === 'call.completed');
    await say(hold, { status: 'closed', outcome: (await after(hold)).position });
    await gateway.restart();
    client = new RawClient(gateway.url, client.headers);
    await client.initialize();
    expect(await client.call('mischief__echo', args)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect(sentWith(args)).toBe(1);
  }, 20_000);

  it('a session that was opened before goes on', async () => {
    await gateway.restart();
    const again = new RawClient(gateway.url, client.headers);
    again.session = client.session;
    expect(await again.request('ping')).toMatchObject({ result: {} });
  }, 20_000);
});

/** Another process that writes to the same log. */
async function writer(instance: string): Promise<EventWriter> {
  const made = new EventWriter({ log: gateway.log, service: 'ingress', instance });
  await made.start();
  return made;
}
