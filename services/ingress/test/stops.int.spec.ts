import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { StopKind } from '@customhouse/policy-contract/stops';
import { allowEverything, eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let upstream: MischievousServer;
/** Two processes of one installation. */
let replicas: Gateway[];
let clients: RawClient[];
let key: string;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  const first = await Gateway.start();
  await first.addServer('mischief', upstream.transport);
  await first.addServer('other', upstream.transport);
  replicas = [first, await Gateway.start({ beside: first })];
  key = await first.issueKey();
  await eventually(() => replicas[1]!.ingress.knowsTool('other', 'echo') && replicas[1]!.keys.ready);
  clients = [];
  for (const { url } of replicas) {
    const client = new RawClient(url, { authorization: `Bearer ${key}` });
    await eventually(async () => (await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })).response.status !== 401);
    await client.initialize();
    clients.push(client);
  }
}, 60_000);
afterAll(async () => {
  for (const replica of replicas?.toReversed() ?? []) await replica.close();
  await upstream?.close();
}, 30_000);

/** What a test stops, so that the next one begins with nothing stopped. */
const ordered: [StopKind, string][] = [];
async function stop(kind: StopKind, name: string): Promise<void> {
  ordered.push([kind, name]);
  await replicas[0]!.stop(kind, name);
}
beforeEach(() => void ordered.splice(0));
afterEach(async () => {
  for (const [kind, name] of ordered) await replicas[0]!.lift(kind, name);
  for (const client of clients) await eventually(async () => textOf(await client.call('mischief__echo', { message: 'on' })).includes('"text":"on"'));
});

const textOf = (answer: JsonObject): string => JSON.stringify(answer['result'] ?? answer['error']);
const isStopped = (answer: JsonObject): boolean => textOf(answer).includes('rule stopped');

/** The last event of a type. */
async function last(type: string): Promise<StoredEvent<any> | undefined> {
  return (await replicas[0]!.events()).findLast((event) => event.type === type);
}

describe('a stop', () => {
  it.each<[StopKind, string]>([
    ['agent', 'robot'],
    ['person', 'Ada@example.com'],
    ['tool', 'mischief/echo'],
    ['server', 'mischief'],
    ['everything', ''],
  ])(
    'of the %s "%s" is followed by every ingress, and nothing reaches the server any more',
    async (kind, name) => {
      const began = performance.now();
      await stop(kind, name);
      const times = await Promise.all(
        clients.map(async (client) => {
          await eventually(async () => isStopped(await client.call('mischief__echo', { message: 'before' })), 60_000);
          return Math.round(performance.now() - began);
        }),
      );
      // The promise is a second. It is printed and not expected, because a machine that is busy with other tests proves nothing either way.
      process.stdout.write(`stop of ${kind}: refused by both processes after ${times.join(' and ')} ms\n`);
      const before = upstream.calls.length;
      for (const client of clients) {
        const answer = await client.call('mischief__echo', { message: 'after' });
        expect(answer).toMatchObject({ result: { isError: true, _meta: { 'customhouse/decision': { effect: 'refuse', rules: ['stopped'] } } } });
        expect(textOf(answer)).toContain('It misbehaves. (rule stopped)');
      }
      expect(upstream.calls.length).toBe(before);
      expect((await last('call.refused'))!.data).toMatchObject({
        reason: 'stopped',
        decision: { effect: 'refuse', rules: [{ id: 'stopped', effect: 'refuse', reason: expect.stringContaining('is stopped: It misbehaves.') }] },
      });
    },
    90_000,
  );

  it('concerns nothing else', async () => {
    await stop('server', 'mischief');
    for (const client of clients) {
      await eventually(async () => isStopped(await client.call('mischief__echo', { message: 'a' })));
      expect(await client.call('other__echo', { message: 'still' })).toMatchObject({ result: { content: [{ text: 'still' }] } });
    }
  }, 30_000);

  it('is said before it is said that there is no such tool, so that nobody looks around meanwhile', async () => {
    await stop('everything', '');
    await eventually(async () => isStopped(await clients[0]!.call('mischief__echo', { message: 'a' })));
    expect(isStopped(await clients[0]!.call('mischief__nothing'))).toBe(true);
  }, 30_000);

  it('asks no rule: what the policy would refuse has the same answer', async () => {
    await replicas[0]!.activate([{ id: 'never', effect: 'refuse', reason: 'No.', tools: ['*/*'] }]);
    try {
      await stop('agent', 'robot');
      await eventually(async () => isStopped(await clients[0]!.call('mischief__echo', { message: 'a' })));
      expect((await last('call.refused'))!.data.decision.rules.map((rule: { id: string }) => rule.id)).toEqual(['stopped']);
    } finally {
      await replicas[0]!.activate(allowEverything);
    }
  }, 30_000);

  it('cancels the calls in flight at their server, tells their clients, and records that nobody knows', async () => {
    const before = upstream.cancelled.length;
    const waiting = clients.map((client) => client.call('mischief__hang'));
    await eventually(() => upstream.callsOf('hang').length === 2);
    await stop('tool', 'mischief/hang');
    for (const answer of await Promise.all(waiting)) {
      expect(answer).toMatchObject({ error: { code: -31003 } });
      expect(textOf(answer)).toContain('the tool \\"mischief/hang\\" is stopped: It misbehaves.');
    }
    await eventually(() => upstream.cancelled.length >= before + 2);
    expect((await last('call.outcome.lost'))!.data).toMatchObject({ reason: 'stopped' });
  }, 30_000);

  it('is still in force after a restart', async () => {
    await stop('agent', 'robot');
    await replicas[1]!.restart();
    const client = new RawClient(replicas[1]!.url, { authorization: `Bearer ${key}` });
    await client.initialize();
    clients[1] = client;
    expect(isStopped(await client.call('mischief__echo', { message: 'a' }))).toBe(true);
  }, 30_000);
});
