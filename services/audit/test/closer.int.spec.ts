import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { callCompleted, callDispatched, callOutcomeLost } from '@customhouse/events/call/events';
import { sourceStarted } from '@customhouse/events/source/events';
import { decode } from '@customhouse/event-log/decode';
import { timestamp } from '@customhouse/kernel/time';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { closingId } from '../src/adapters/closer.js';
import { eventually, House } from './house.js';

jest.setTimeout(60_000);

const [logDatabase, database] = await Promise.all([testPostgres(), testPostgres()]);

let house: House;
beforeAll(async () => {
  house = await House.open({ logUrl: logDatabase.url, databaseUrl: database.url });
}, 60_000);
afterAll(async () => house.close(), 30_000);

/** Ends of the call in the log. */
async function ends(call: string): Promise<string[]> {
  const events = (await house.records('customhouse.calls')).map((record) => decode(record));
  return events.filter((event) => (event.data as { call: string }).call === call && /completed|lost/.test(event.type)).map((event) => event.type);
}

describe('a call whose process is gone', () => {
  it('is closed as lost when the process closed its chain', async () => {
    const ingress = await house.ingress('closed-1');
    const intent = await ingress.admit();
    await house.status(intent.call, 'admitted');
    await ingress.close();
    const body = await house.status(intent.call, 'lost');
    expect(body).toMatchObject({ reason: 'writer-gone', anomalies: [] });
    expect(body.timeline.at(-1)).toMatchObject({ id: closingId(intent.call), type: 'call.outcome.lost' });
  });

  it('is closed as lost when another process started under its name, dispatched holds included and waiting ones not', async () => {
    const before = await house.ingress('restarted-1');
    const admitted = await before.admit();
    const dispatched = await before.hold();
    await before.append(callDispatched, { call: dispatched.call, approval: dispatched.approval, binding: 'binding', deadline: timestamp(Date.now()) }, dispatched.session);
    const waiting = await before.hold();
    await house.status(waiting.call, 'held');
    await before.die();
    await house.ingress('restarted-1');
    await house.status(admitted.call, 'lost');
    await house.status(dispatched.call, 'lost');
    expect((await house.get(`/v1/calls/${waiting.call}`)).body.status).toBe('held');
  });

  it('is closed once, however many audit services look', async () => {
    await house.startService({ CUSTOMHOUSE_INSTANCE: 'audit-2' });
    const ingress = await house.ingress('twice-1');
    const calls = [await ingress.admit(), await ingress.admit(), await ingress.admit()];
    await house.status(calls[2]!.call, 'admitted');
    await ingress.close();
    for (const { call } of calls) await house.status(call, 'lost');
    await sleep(500);
    for (const { call } of calls) {
      expect(await ends(call)).toEqual(['call.outcome.lost']);
      expect((await house.get(`/v1/calls/${call}`)).body.anomalies).toEqual([]);
    }
  }, 30_000);

  it('that had ended before its process did is left alone', async () => {
    const ingress = await house.ingress('tidy-1');
    const intent = await ingress.admit();
    await ingress.append(callCompleted, { call: intent.call, error: false, result: await ingress.seal('alice@example.com', {}), findings: [], upstream_ms: 1 }, intent.session);
    await ingress.close();
    await house.status(intent.call, 'completed');
    await sleep(500);
    expect(await ends(intent.call)).toEqual(['call.completed']);
  });
});

describe('a call whose end is only still on its way', () => {
  it('is left alone, although its process is known to be gone', async () => {
    const ingress = await house.ingress('onward-1');
    const intent = await ingress.admit();
    await house.status(intent.call, 'admitted');
    // The ledger is held up before the end, and learns by another way that the process is gone.
    const holder = new pg.Client({ connectionString: database.url, options: '-c search_path=audit' });
    await holder.connect();
    await holder.query('begin');
    await holder.query(`select 1 from consumers where group_name = 'audit.ledger' for update`);
    await ingress.append(callCompleted, { call: intent.call, error: false, result: await ingress.seal('alice@example.com', {}), findings: [], upstream_ms: 1 }, intent.session);
    await house.sql(`update writers set closed = true where instance = 'onward-1'`);
    await sleep(1_500);
    expect(await ends(intent.call)).toEqual(['call.completed']);
    await holder.query('commit');
    await holder.end();
    await house.status(intent.call, 'completed');
    await sleep(500);
    expect(await ends(intent.call)).toEqual(['call.completed']);
  }, 20_000);
});

describe('a living process', () => {
  it('ends its calls itself, also after its chain began anew', async () => {
    const ingress = await house.ingress('alive-1');
    const intent = await ingress.admit();
    const { instance, epoch } = ingress.writer;
    // What the writer of a living process says after a batch whose fate is unknown.
    const next = String(Number(epoch) + 1);
    const envelope = {
      specversion: '1.0',
      type: 'customhouse.source.started.v1',
      source: 'customhouse/ingress/alive-1',
      subject: 'source-alive-1',
      datacontenttype: 'application/json',
    };
    const data = { service: 'ingress', instance, epoch: next, reason: 'indeterminate', previous: { epoch, acknowledged: 2, attempted: 3 } };
    const event = {
      ...envelope,
      id: closingId(intent.call).replace(/.$/, 'Z'),
      time: timestamp(Date.now()),
      instance,
      epoch: next,
      sequence: '0000000000000001',
      previoushash: '',
      data,
    };
    await house.force({ topic: sourceStarted.topic, key: instance, value: Buffer.from(JSON.stringify(event)) });
    await eventually('the new chain is known', async () => (await house.sql('select epoch from writers where instance = $1', [instance]))[0]?.epoch === next);
    await sleep(600);
    expect((await house.get(`/v1/calls/${intent.call}`)).body.status).toBe('admitted');
    expect(await ends(intent.call)).toEqual([]);
  });

  it('is not taken for gone because it is quiet for less than the limit', async () => {
    const ingress = await house.ingress('quiet-1');
    const intent = await ingress.admit();
    await house.status(intent.call, 'admitted');
    await sleep(1_000);
    expect((await house.get(`/v1/calls/${intent.call}`)).body.status).toBe('admitted');
  });
});

describe('a process that went without a word', () => {
  it('is taken for gone after the log had taken events for the limit, and not before', async () => {
    const ingress = await house.ingress('vanished-1');
    const intent = await ingress.admit();
    await house.status(intent.call, 'admitted');
    await ingress.die();
    // The limit is a minute of a running log: the clock is put forward instead of waiting.
    await sleep(500);
    expect((await house.get(`/v1/calls/${intent.call}`)).body.status).toBe('admitted');
    await house.sql(`update writers set seen_ms = seen_ms - 60000 where instance = 'vanished-1'`);
    await house.status(intent.call, 'lost');
    expect(await ends(intent.call)).toEqual([callOutcomeLost.type]);
  });
});
