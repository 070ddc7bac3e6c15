import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { FaultyLog } from './support/faulty-log.js';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let log: FaultyLog;
let upstream: MischievousServer;
let client: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    environment: { CUSTOMHOUSE_INGRESS_RELAXED_READS: 'true', CUSTOMHOUSE_INGRESS_RECORD_TIMEOUT_MS: '1500' },
    wrapLog: (engine) => (log = new FaultyLog(engine)),
  });
  await gateway.addServer('reading', upstream.transport, ['read-only']);
  await gateway.addServer('writing', upstream.transport, []);
  client = new RawClient(gateway.url);
  await client.initialize();
  await client.call('reading__echo', { message: 'warm' });
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
}, 30_000);

describe('relaxed records', () => {
  it('are written for tools that only read, and say so; other tools stay strict', async () => {
    expect(await client.call('reading__echo', { message: 'r' })).toHaveProperty('result');
    expect(await client.call('writing__echo', { message: 'w' })).toHaveProperty('result');
    await eventually(async () => (await gateway.events()).filter((event) => event.type === 'call.completed').length === 3);
    const admitted = (await gateway.events()).filter((event) => event.type === 'call.admitted').slice(-2);
    expect(admitted.map(({ data }) => [(data as JsonObject)['server'], (data as JsonObject)['record']])).toEqual([
      ['reading', 'relaxed'],
      ['writing', 'strict'],
    ]);
  });

  it('keep nobody waiting for the log, and come with no receipt', async () => {
    log.mode = 'hang';
    const started = performance.now();
    const answer = await client.call('reading__echo', { message: 'unawaited' });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(answer).toMatchObject({ result: { content: [{ text: 'unawaited' }] } });
    expect(((answer['result'] as JsonObject)['_meta'] as JsonObject)['customhouse/receipt']).toBeUndefined();
    log.mode = 'ok';
    // Both of its records are in the log in the end.
    await eventually(async () => {
      const events = await gateway.events();
      const call = (events.findLast((event) => event.type === 'call.admitted')!.data as JsonObject)['call'];
      return events.some((event) => event.type === 'call.completed' && (event.data as JsonObject)['call'] === call) && gateway.writer.writable;
    }, 20_000);
  }, 30_000);

  it('are refused like all others while the log is known to be away', async () => {
    log.mode = 'down';
    await client.call('reading__echo', { message: 'noticed' });
    await eventually(() => !gateway.writer.writable);
    const seen = upstream.calls.length;
    expect(await client.call('reading__echo', { message: 'refused' })).toMatchObject({ error: { code: -31001 } });
    expect(upstream.calls).toHaveLength(seen);
    log.mode = 'ok';
  }, 30_000);
});
