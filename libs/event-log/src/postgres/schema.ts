import type { Client } from 'pg';

/** Raised with every change of the statements below. */
const version = 1;

/**
 * One table for each topic, partitions of one parent. Offsets have no gaps and follow the order of commits: an append
 * holds its row of `log.partitions` until its transaction ends.
 */
const statements = `
create schema if not exists log;

create table if not exists log.versions (version int primary key, installed timestamptz not null default now());

create table if not exists log.topics (
  topic text primary key,
  partitions int not null,
  cleanup text not null check (cleanup in ('delete', 'compact')),
  retention_ms bigint,
  max_record_bytes int not null
);

create table if not exists log.partitions (
  topic text not null references log.topics,
  partition int not null,
  earliest bigint not null default 0,
  next bigint not null default 0,
  primary key (topic, partition)
) with (fillfactor = 50);

create table if not exists log.records (
  topic text not null,
  partition int not null,
  "offset" bigint not null,
  key text not null,
  value bytea,
  headers json not null,
  appended bigint not null
) partition by list (topic);

-- Most values are sealed, hence incompressible.
alter table log.records alter column value set storage external;

create or replace function log.append(partitions json, records json, payload bytea)
returns table (topic text, partition int, base bigint, appended bigint)
language plpgsql as $$
#variable_conflict use_column
declare
  stamp bigint;
begin
  -- Locked in one order, so that two writers wait for each other but never for ever.
  perform 1 from log.partitions p
    where (p.topic, p.partition) in (select w.t, w.p from json_to_recordset(partitions) as w(t text, p int))
    order by p.topic, p.partition for update;
  -- Taken after the locks, so that it never goes backwards within a partition.
  stamp := floor(extract(epoch from clock_timestamp()) * 1000);
  return query
    with moved as (
      update log.partitions p set next = p.next + w.n
      from json_to_recordset(partitions) as w(t text, p int, n int)
      where p.topic = w.t and p.partition = w.p
      returning p.topic, p.partition, p.next - w.n as base
    ), stored as (
      insert into log.records (topic, partition, "offset", key, value, headers, appended)
      select m.topic, m.partition, m.base + r.i, r.k, case when r.s >= 0 then substring(payload from r.a + 1 for r.s) end, r.h, stamp
      from json_to_recordset(records) as r(t text, p int, i int, k text, h json, a int, s int)
      join moved m on m.topic = r.t and m.partition = r.p
      returning 1
    )
    select m.topic, m.partition, m.base, stamp from moved m where (select count(*) from stored) = json_array_length(records);
  perform pg_notify('customhouse_log', (select string_agg(distinct w.t, ',') from json_to_recordset(partitions) as w(t text)));
end $$;
`;

/** Makes or updates the schema. Safe to run from several processes at once. Throws when a newer version of ours was here. */
export async function installSchema(client: Client): Promise<void> {
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(hashtext('customhouse.log.schema'))`);
    const installed = await installedVersion(client);
    if (installed > version) {
      throw new Error(`the log in this database has schema version ${installed}, and this program knows ${version}: run the newer program, or give this one its own database`);
    }
    if (installed < version) {
      await client.query(statements);
      await client.query('insert into log.versions (version) values ($1)', [version]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function installedVersion(client: Client): Promise<number> {
  const exists = await client.query<{ found: boolean }>(`select to_regclass('log.versions') is not null as found`);
  if (!exists.rows[0]?.found) return 0;
  const newest = await client.query<{ version: number }>('select coalesce(max(version), 0) as version from log.versions');
  return newest.rows[0]?.version ?? 0;
}
