import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { PartitionKeeper } from '../src/adapters/partition-keeper.js';
import { lowestId, rangesAround } from '../src/domain/partitions.js';
import { House, type Ingress } from './house.js';

const [log, database] = await Promise.all([testPostgres(), testPostgres()]);

let house: House;
let ingress: Ingress;
beforeAll(async () => {
  house = await House.open({ logUrl: log.url, databaseUrl: database.url, settings: { CUSTOMHOUSE_AUDIT_PARTITION_DAYS: '1', CUSTOMHOUSE_AUDIT_PARTITIONS_AHEAD_COUNT: '2' } });
  ingress = await house.ingress();
}, 60_000);
afterAll(async () => house.close(), 30_000);

const tableOf = async (call: string) => (await house.sql<{ name: string }>('select tableoid::regclass::text as name from calls where call = $1', [call]))[0]?.name;
const tables = async (parent: string) =>
  (await house.sql<{ name: string }>('select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass order by 1', [parent])).map((row) => row.name);

describe('the tables of the ledger', () => {
  it('are there before their time comes: yesterday, today and those ahead, for events and calls', async () => {
    const names = rangesAround(Date.now(), 1, 2).map((range) => range.name);
    for (const parent of ['calls', 'events']) expect((await tables(parent)).map((name) => name.split('_')[1])).toEqual([...names, 'default'].sort());
  });

  it('take the calls of their day', async () => {
    const intent = await ingress.refuse();
    await house.status(intent.call, 'refused');
    expect(await tableOf(intent.call)).toMatch(new RegExp(`^calls_${rangesAround(Date.now(), 1, 0)[1]!.name}_`));
  });

  it('are made later for what came before them, which moves there', async () => {
    const [range] = rangesAround(Date.now(), 1, 0);
    const lost = await tableOf(await callAt(range!.from + 1_000));
    await house.sql(`alter table calls detach partition ${lost}`);
    await house.sql(`with kept as (select * from ${lost}) insert into calls select * from kept`);
    await house.sql(`drop table ${lost}`);
    const call = `${lowestId(range!.from + 1_000).slice(0, 10)}AAAAAAAAAAAAAAAA`;
    expect(await tableOf(call)).toBe('calls_default');
    const made = await house.service.get<PartitionKeeper>(PartitionKeeper).ensure();
    expect(made).toHaveLength(1);
    expect(await tableOf(call)).toBe(made[0]);
    expect(await house.service.get<PartitionKeeper>(PartitionKeeper).ensure()).toEqual([]);
    expect((await house.get(`/v1/calls/${call}`)).body.status).toBe('refused');
  });

  it('take a call of a time that nobody expected, too', async () => {
    const call = await callAt(Date.UTC(1999, 0, 1));
    expect(await tableOf(call)).toBe('calls_default');
    expect((await house.search({ to: '2000-01-01T00:00:00.000Z' })).map((row) => row.call)).toEqual([call]);
  });
});

/** A call that was recorded at another time. */
async function callAt(time: number): Promise<string> {
  const call = `${lowestId(time).slice(0, 10)}AAAAAAAAAAAAAAAA`;
  await ingress.refuse({ call });
  await house.status(call, 'refused');
  return call;
}
