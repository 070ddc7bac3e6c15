import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let bad: MischievousServer;
let good: MischievousServer;
let client: RawClient;

beforeAll(async () => {
  [bad, good] = await Promise.all([MischievousServer.start(), MischievousServer.start()]);
  gateway = await Gateway.start({
    environment: {
      CUSTOMHOUSE_INGRESS_CALL_TIMEOUT_MS: '1500',
      CUSTOMHOUSE_INGRESS_RESULT_BYTES: '200000',
      CUSTOMHOUSE_INGRESS_SERVER_CALLS: '4',
      CUSTOMHOUSE_INGRESS_SERVER_QUEUE: '2',
      CUSTOMHOUSE_INGRESS_BREAKER_FAILURES: '1000',
      CUSTOMHOUSE_INGRESS_CONNECT_TIMEOUT_MS: '1000',
    },
  });
  await gateway.addServer('bad', bad.transport);
  await gateway.addServer('good', good.transport);
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await bad?.close();
  await good?.close();
}, 30_000);

beforeEach(async () => {
  client = new RawClient(gateway.url);
  await client.initialize();
});

/** What the log says about the last call that was begun. */
async function lastCall(): Promise<{ types: string[]; end: JsonObject }> {
  const events = await gateway.events();
  const call = (events.findLast((event) => event.type === 'call.admitted')!.data as JsonObject)['call'];
  const ofCall = events.filter((event) => (event.data as JsonObject)['call'] === call);
  return { types: ofCall.map((event) => event.type), end: ofCall.at(-1)!.data as JsonObject };
}

describe('a server that misbehaves after it got the call', () => {
  it.each([
    ['hang', 'timeout'],
    ['die', 'closed'],
    ['garbage', 'malformed'],
    ['html', 'http-status'],
    ['wrong_id', 'malformed'],
    ['broken_result', 'malformed'],
    ['status_500', 'http-status'],
    ['redirect', 'http-status'],
    ['compressed', 'malformed'],
    ['huge', 'too-large'],
    ['endless', 'too-large'],
    ['infinite_number', 'unrecordable-answer'],
  ])('%s: nobody can know the outcome, which is said and recorded (%s)', async (tool, reason) => {
    const started = performance.now();
    const { error } = (await client.call(`bad__${tool}`)) as { error: JsonObject };
    expect(error).toMatchObject({ code: -31003, data: { rule: 'outcome-unknown', call: expect.any(String) } });
    expect(performance.now() - started).toBeLessThan(4_000);
    const { types, end } = await lastCall();
    expect(types).toEqual(['call.admitted', 'call.outcome.lost']);
    expect(end).toMatchObject({ reason });
    expect(bad.callsOf(tool)).toHaveLength(1);
  });

  it('a result that nests deeper than anybody can look is cut there, and says so', async () => {
    const { result } = (await client.call('bad__deep')) as { result: JsonObject };
    expect(JSON.stringify(result).length).toBeLessThan(2_000);
    expect(result['_meta']).toMatchObject({ 'customhouse/findings': [expect.objectContaining({ rule: 'inspection-truncated' })] });
    expect((await lastCall()).types).toEqual(['call.admitted', 'call.completed']);
  });

  it('a server that refuses the request by its status did nothing: a plain failure', async () => {
    const { error } = (await client.call('bad__status_403')) as { error: JsonObject };
    expect(error).toMatchObject({ code: -31002, data: { rule: 'upstream-unavailable' } });
    expect(await lastCall()).toMatchObject({ types: ['call.admitted', 'call.failed'], end: { reason: 'upstream-http-status', result: null } });
  });

  it('a server that forgot its sessions gets the call once, in a new session', async () => {
    await client.call('bad__echo', { message: 'first' });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    bad.forgetSessions();
    expect(await client.call('bad__echo', { message: 'second' })).toMatchObject({ result: { content: [{ text: 'second' }] } });
    expect(bad.callsOf('echo').filter((call) => JSON.stringify(call.params).includes('second'))).toHaveLength(1);
    expect((await lastCall()).types).toEqual(['call.admitted', 'call.completed']);
  });
});

describe('a server that cannot be reached', () => {
  it('is a plain failure, quickly, and the server is used again once it is back', async () => {
    const port = bad.port;
    await bad.close();
    const { error } = (await client.call('bad__echo', { message: 'x' })) as { error: JsonObject };
    // A connection that was kept open may only be found broken when it is used, and then nobody knows.
    expect([-31002, -31003]).toContain(error['code']);
    expect((await client.call('bad__echo', { message: 'x' }))['error']).toMatchObject({ code: -31002, message: expect.stringContaining('"bad"') });
    expect(await lastCall()).toMatchObject({ types: ['call.admitted', 'call.failed'], end: { reason: 'upstream-unreachable' } });
    await bad.listen(port);
    await eventually(async () => 'result' in (await client.call('bad__echo', { message: 'back' })), 15_000);
  }, 30_000);

  it('by an address that gives credentials away is not connected to', async () => {
    await gateway.publishServer('metadata', { kind: 'http', url: 'http://169.254.169.254/mcp' });
    await gateway.publishTool('metadata', { name: 'get', inputSchema: {} });
    await eventually(() => gateway.ingress.knowsTool('metadata', 'get'));
    expect((await client.call('metadata__get'))['error']).toMatchObject({ code: -31002, message: expect.stringContaining('link-local or metadata address') });
  });

  it('by a command that does not exist says so', async () => {
    await gateway.publishServer('no-command', { kind: 'stdio', command: '/does/not/exist', args: [], env: {} });
    await gateway.publishTool('no-command', { name: 'get', inputSchema: {} });
    await eventually(() => gateway.ingress.knowsTool('no-command', 'get'));
    expect((await client.call('no-command__get'))['error']).toMatchObject({ code: -31002 });
    expect((await lastCall()).end).toMatchObject({ reason: 'upstream-spawn-failed' });
  });

  it('that was switched off or removed is not called', async () => {
    await gateway.publishServer('good-twin', good.transport);
    await gateway.publishTool('good-twin', { name: 'echo', inputSchema: {} });
    await eventually(() => gateway.ingress.knowsTool('good-twin', 'echo'));
    await gateway.publishServer('good-twin', good.transport, 2, null, false);
    await eventually(async () => (((await client.call('good-twin__echo'))['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['reason'] === 'unknown-tool');
  });
});

describe('a server that hangs', () => {
  it('keeps nobody from another server, and refuses what would only wait', async () => {
    const before = bad.callsOf('hang').length;
    const hanging = Array.from({ length: 8 }, () => client.call('bad__hang'));
    await eventually(() => bad.callsOf('hang').length - before === 4);
    let ended = 0;
    for (const call of hanging) void call.then(() => (ended += 1));
    expect(await client.call('good__echo', { message: 'ok' })).toMatchObject({ result: { content: [{ text: 'ok' }] } });
    expect(ended).toBeLessThan(4);
    const errors = (await Promise.all(hanging)).map((answer) => ((answer['error'] as JsonObject)['data'] as JsonObject)['rule']);
    // Four places. Two more wait until their time is over, or get a place in the last moment of it, and for the last two there is no room.
    const sent = errors.filter((rule) => rule === 'outcome-unknown').length;
    expect([4, 5, 6]).toContain(sent);
    expect(errors.filter((rule) => rule === 'too-many-calls' || rule === 'upstream-unavailable')).toHaveLength(8 - sent);
    expect(bad.callsOf('hang').length - before).toBe(sent);
    const events = await gateway.events();
    const ends = new Map<unknown, number>();
    for (const event of events) {
      const call = (event.data as JsonObject)['call'];
      ends.set(call, (ends.get(call) ?? 0) + (event.type === 'call.admitted' ? 0 : 1));
    }
    expect([...ends.values()].every((count) => count === 1)).toBe(true);
  });
});
