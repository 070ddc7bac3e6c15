import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callOutcomeLost } from '@customhouse/events/call/events';
import { EventWriter } from '@customhouse/event-log/event-writer';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { FaultyLog, holds } from './support/faulty-log.js';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

let gateway: Gateway;
let log: FaultyLog;
let upstream: MischievousServer;
let client: RawClient;

async function start(spool: boolean): Promise<void> {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    spool,
    environment: { CUSTOMHOUSE_INGRESS_RECORD_TIMEOUT_MS: '1000', CUSTOMHOUSE_INGRESS_STALENESS_MS: '6000' },
    wrapLog: (engine) => (log = new FaultyLog(engine)),
  });
  await gateway.addServer('mischief', upstream.transport, ['read-only']);
  client = new RawClient(gateway.url);
  await client.initialize();
  await client.call('mischief__echo', { message: 'warm' });
}

beforeEach(() => start(false), 60_000);
afterEach(async () => {
  await gateway?.close();
  await upstream?.close();
}, 30_000);

const unavailable = { error: { code: -31001, data: { rule: 'log-unavailable' } } };

async function timed(name: string, args: JsonObject = {}): Promise<{ answer: JsonObject; took_ms: number }> {
  const started = performance.now();
  const answer = await client.call(name, args);
  return { answer, took_ms: performance.now() - started };
}

/** Types of the events of each call that the upstream must not have seen. */
async function eventsAfter(start: number): Promise<string[]> {
  return (await gateway.events()).slice(start).map((event) => event.type);
}

describe('while the log cannot be written', () => {
  it.each(['down', 'hang'] as const)(
    '(%s) calls are refused within the deadline, at once after the first, take no effect, and work again afterwards',
    async (mode) => {
      const seen = upstream.calls.length;
      const recorded = (await gateway.events()).length;
      log.mode = mode;
      const first = await timed('mischief__echo', { message: 'lost' });
      expect(first.answer).toMatchObject(unavailable);
      expect(first.took_ms).toBeLessThan(5_000);
      await eventually(() => !gateway.writer.writable);
      const second = await timed('mischief__echo', { message: 'lost too' });
      expect(second.answer).toMatchObject(unavailable);
      expect(second.took_ms).toBeLessThan(900);
      expect(upstream.calls).toHaveLength(seen);
      log.mode = 'ok';
      await eventually(async () => 'result' in (await client.call('mischief__echo', { message: 'back' })));
      await eventually(async () => (await eventsAfter(recorded)).length >= (mode === 'hang' ? 3 : 2));
      const types = await eventsAfter(recorded);
      // What nobody can know about is ended in the log; what was certainly refused needs no end.
      expect(types.filter((type) => type === 'call.aborted')).toHaveLength(mode === 'hang' ? 1 : 0);
      expect(upstream.calls).toHaveLength(seen + 1);
    },
    30_000,
  );

  it('everything that needs no record is still served', async () => {
    log.mode = 'down';
    await client.call('mischief__echo', { message: 'x' });
    expect(await client.request('ping')).toMatchObject({ result: {} });
    expect(await client.request('tools/list')).toMatchObject({ result: { tools: expect.any(Array) } });
    log.mode = 'ok';
  });

  it('a refusal by policy is not told before it is recorded either', async () => {
    log.mode = 'down';
    expect(await client.call('mischief__unknown')).toMatchObject(unavailable);
    log.mode = 'ok';
  });
});

describe('an intent that is in the log although its acknowledgement was lost', () => {
  it('is never sent, and is ended as aborted', async () => {
    const seen = upstream.calls.length;
    const recorded = (await gateway.events()).length;
    log.decide = (batch) => (holds(batch, 'call.admitted') ? 'lose' : 'ok');
    expect(await client.call('mischief__echo', { message: 'x' })).toMatchObject(unavailable);
    log.decide = undefined;
    await eventually(async () => (await eventsAfter(recorded)).length === 2);
    expect(await eventsAfter(recorded)).toEqual(['call.admitted', 'call.aborted']);
    const [admitted, aborted] = (await gateway.events()).slice(recorded);
    expect(aborted!.data).toEqual({ call: (admitted!.data as JsonObject)['call'], reason: 'record-indeterminate' });
    expect(upstream.calls).toHaveLength(seen);
  }, 30_000);
});

describe('an outcome that the log does not take', () => {
  it('is not shown, and is recorded once the log is back', async () => {
    const recorded = (await gateway.events()).length;
    log.decide = (batch) => (holds(batch, 'call.completed') ? 'down' : 'ok');
    const { answer, took_ms } = await timed('mischief__echo', { message: 'secret outcome' });
    expect(answer).toMatchObject({ error: { ...unavailable.error, message: expect.stringContaining('was made') } });
    expect(JSON.stringify(answer)).not.toContain('secret outcome');
    expect(took_ms).toBeLessThan(2_500);
    log.decide = undefined;
    await eventually(async () => (await eventsAfter(recorded)).length === 2);
    expect(await eventsAfter(recorded)).toEqual(['call.admitted', 'call.completed']);
  }, 30_000);

  it('and is in the log although its acknowledgement was lost is there under one id only', async () => {
    const recorded = (await gateway.events()).length;
    let lost = 0;
    log.decide = (batch) => (holds(batch, 'call.completed') && (lost += 1) === 1 ? 'lose' : 'ok');
    expect(await client.call('mischief__echo', { message: 'x' })).toMatchObject(unavailable);
    await eventually(async () => (await eventsAfter(recorded)).length === 3);
    const ends = (await gateway.events()).slice(recorded).filter((event) => event.type === 'call.completed');
    expect(ends).toHaveLength(2);
    expect(new Set(ends.map((event) => event.id)).size).toBe(1);
  }, 30_000);

  it('is shown when it is safe on disk, and goes to the log from there', async () => {
    await gateway.close();
    await upstream.close();
    await start(true);
    const recorded = (await gateway.events()).length;
    log.decide = (batch) => (holds(batch, 'call.completed') ? 'down' : 'ok');
    const answer = await client.call('mischief__echo', { message: 'kept' });
    expect(answer).toMatchObject({ result: { content: [{ text: 'kept' }] } });
    expect(((answer['result'] as JsonObject)['_meta'] as JsonObject)['customhouse/receipt']).toBeUndefined();
    // Nothing new is taken until it is there.
    expect(await client.call('mischief__echo', { message: 'next' })).toMatchObject(unavailable);
    log.decide = undefined;
    await eventually(async () => (await eventsAfter(recorded)).includes('call.completed'));
    await eventually(async () => 'result' in (await client.call('mischief__echo', { message: 'again' })));
  }, 30_000);
});

describe('a state that cannot be followed', () => {
  it('is good for a while; then calls are refused, until it is followed again', async () => {
    log.deaf = true;
    expect(await client.call('mischief__echo', { message: 'x' })).toHaveProperty('result');
    await eventually(async () => ((await client.call('mischief__echo', { message: 'x' }))['error'] as JsonObject | undefined)?.['code'] === -31005);
    expect(() => gateway.ingress.checkReady()).toThrow('could not be followed');
    log.deaf = false;
    await eventually(async () => 'result' in (await client.call('mischief__echo', { message: 'x' })));
  }, 30_000);
});

describe('a process that was stopped while a call was on its way', () => {
  it('does not tell of an outcome, nor record one, when others have ended the call meanwhile', async () => {
    const recorded = (await gateway.events()).length;
    const slow = client.call('mischief__slow', { ms: 100 });
    await eventually(() => upstream.callsOf('slow').length === 1);
    const admitted = (await gateway.events()).at(-1)!;
    const audit = new EventWriter({ log: gateway.log, service: 'audit', instance: 'audit' });
    await audit.start();
    const call = (admitted.data as JsonObject)['call'] as string;
    await audit.append({ declaration: callOutcomeLost, subject: `call-${call}`, key: admitted.key, data: { call, reason: 'writer-gone' } });
    // Nothing of this process runs for so long: as after SIGSTOP.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_500);
    expect(await slow).toMatchObject({ error: { code: -31003, message: expect.stringContaining('recorded as lost') } });
    expect(await eventsAfter(recorded)).toEqual(['call.admitted', 'call.outcome.lost']);
    await audit.close();
  }, 30_000);
});

describe('the end of the process', () => {
  it('waits for calls in flight, and writes down how the rest ended', async () => {
    const recorded = (await gateway.events()).length;
    const slow = client.call('mischief__slow', { ms: 300 });
    await eventually(() => upstream.callsOf('slow').length === 1);
    await gateway.ingress.stop();
    expect(await slow).toMatchObject({ result: { content: [{ text: 'slow' }] } });
    expect(await eventsAfter(recorded)).toEqual(['call.admitted', 'call.completed']);
  }, 30_000);
});
