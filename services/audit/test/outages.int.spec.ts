import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalPostgres, type LocalPostgres } from '@customhouse/local-postgres/local-postgres';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { eventually, House, type Ingress } from './house.js';

const logDatabase = await testPostgres();
const folder = mkdtempSync(join(tmpdir(), 'customhouse-audit-database-'));

let postgres: LocalPostgres;
let house: House;
let ingress: Ingress;

beforeAll(async () => {
  // A database of its own, to be killed; the log is elsewhere.
  postgres = await startLocalPostgres({ dataDir: folder });
  house = await House.open({ logUrl: logDatabase.url, databaseUrl: postgres.url });
  ingress = await house.ingress();
}, 120_000);
afterAll(async () => {
  await house?.close();
  await postgres?.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

describe('when the database is killed again and again while calls go on', () => {
  it('every call is in the ledger once, nothing is put aside, and the service says when it was not ready', async () => {
    const calls: string[] = [];
    const unready = { seen: false };
    const going = { on: true };
    const traffic = (async () => {
      while (going.on) {
        calls.push((await ingress.refuse({ agent: 'killed' })).call);
        await sleep(2);
      }
    })();
    const watching = (async () => {
      while (going.on) {
        const { status } = await fetch(`${house.service.apiUrl}/health/ready`);
        unready.seen ||= status === 503;
        await sleep(20);
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      await sleep(700);
      process.kill(postgres.pid!, 'SIGKILL');
      await sleep(1_500);
    }
    going.on = false;
    await Promise.all([traffic, watching]);
    expect(unready.seen).toBe(true);
    await eventually('the service is ready again', async () => (await fetch(`${house.service.apiUrl}/health/ready`)).status === 200, 30_000);
    await house.status(calls.at(-1)!, 'refused');
    await house.caughtUp();
    expect(calls.length).toBeGreaterThan(20);
    const found = await house.lines('/v1/calls/export?agent=killed');
    expect(found.map((row) => row.call).sort()).toEqual(calls.toSorted());
    const status = (await house.get('/v1/projections/calls')).body;
    expect([status.dead_letters, status.anomalies]).toEqual([0, 0]);
    expect((await house.sql('select count(*)::int as n from (select id from events group by id having count(*) > 1) d'))[0].n).toBe(0);
    const counted = (await house.records('customhouse.audit.ocsf'))
      .filter((record) => calls.includes(record.key))
      .map((record) => JSON.parse(Buffer.from(record.value!).toString()).metadata.uid as string);
    await eventually('every call reached the SIEM topic', async () => {
      const keys = new Set((await house.records('customhouse.audit.ocsf')).map((record) => record.key));
      return calls.every((call) => keys.has(call));
    });
    expect(new Set(counted).size).toBeLessThanOrEqual(calls.length);
  }, 90_000);
});

describe('when a replica takes over', () => {
  it('nothing is taken twice and nothing is left out', async () => {
    await house.startService({ CUSTOMHOUSE_INSTANCE: 'audit-2', CUSTOMHOUSE_CONSUMER_LEASE_MS: '1000' });
    const first = await ingress.refuse({ agent: 'takeover' });
    await house.status(first.call, 'refused');
    // The first process loses its lease without noticing, as after a long pause.
    await house.sql(`update consumers set owner = 'audit-2', epoch = epoch + 1, lease_until = clock_timestamp() - interval '1 second' where group_name = 'audit.ledger'`);
    const calls = [];
    for (let index = 0; index < 50; index += 1) calls.push((await ingress.refuse({ agent: 'takeover' })).call);
    await house.status(calls.at(-1)!, 'refused');
    expect((await house.lines('/v1/calls/export?agent=takeover')).map((row) => row.call)).toEqual([first.call, ...calls].sort());
    expect((await house.get('/v1/projections/calls')).body.dead_letters).toBe(0);
  }, 60_000);
});
