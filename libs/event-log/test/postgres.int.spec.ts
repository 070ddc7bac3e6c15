import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import type { LogRecord } from '@customhouse/event-log/port';
import type { PostgresOptions } from '@customhouse/event-log/postgres/connection';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import type { TopicDeclaration } from '@customhouse/event-log/topics';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { conformance, type Log } from './conformance.js';

jest.setTimeout(60_000);
const { url } = await testPostgres();

conformance('PostgreSQL', {
  open: () => PostgresLog.open({ url, maintenance_ms: 0 }),
  expire: async (log: Log, topic, partition, before) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    // Retention goes by age: what shall go becomes old.
    await client.query('update log.topics set retention_ms = 60000 where topic = $1', [topic]);
    await client.query('update log.records set appended = 1000 where topic = $1 and partition = $2 and "offset" < $3', [topic, partition, before]);
    await client.end();
    await (log as PostgresLog).maintain();
  },
  compact: (log: Log) => (log as PostgresLog).maintain(Date.now() + 1000, { compaction_ms: 0, removal_ms: 0 }),
});

describe('the log on PostgreSQL, in particular', () => {
  const logs: PostgresLog[] = [];
  let number = 0;

  async function open(options: Partial<PostgresOptions> = {}): Promise<PostgresLog> {
    const log = await PostgresLog.open({ url, maintenance_ms: 0, ...options });
    logs.push(log);
    return log;
  }

  async function newTopic(log: PostgresLog, settings: Partial<TopicDeclaration> = {}): Promise<string> {
    const topic = `particular.${(number += 1)}`;
    await log.createTopics([{ name: topic, partitions: 1, cleanup: 'delete', retention_ms: null, max_record_bytes: 1_000_000, ...settings }]);
    return topic;
  }

  async function ask<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Row>(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  const record = (topic: string, value: string | Buffer): LogRecord => ({ topic, key: 'k', value: Buffer.from(value as string), headers: {} });
  const appended = async (log: PostgresLog, ...records: LogRecord[]): Promise<void> => {
    for (const result of await log.append(records, { timeout_ms: 10_000 })) expect(result.outcome).toBe('stored');
  };

  afterEach(() => Promise.all(logs.splice(0).map((log) => log.close())));

  it('hears of what another process appended at once, long before it would look by itself', async () => {
    const [reader, writer] = [await open({ poll_ms: 60_000 }), await open()];
    const topic = await newTopic(writer);
    const stop = new AbortController();
    const came: number[] = [];
    const following = (async () => {
      for await (const { records } of reader.follow({ topics: [topic], from: new Map(), signal: stop.signal, idle_ms: 60_000 })) {
        came.push(...records.map(() => performance.now()));
        if (came.length === 2) return;
      }
    })();
    await sleep(1500);
    const first = performance.now();
    await appended(writer, record(topic, '1'));
    await sleep(500);
    const second = performance.now();
    await appended(writer, record(topic, '2'));
    await following;
    expect(came[0]! - first).toBeLessThan(1500);
    expect(came[1]! - second).toBeLessThan(1500);
    stop.abort();
  });

  it('looks by itself when notifications are lost', async () => {
    const log = await open({ poll_ms: 200 });
    const topic = await newTopic(log);
    const stop = new AbortController();
    setTimeout(() => void appendBehindItsBack(topic), 500);
    for await (const { records } of log.follow({ topics: [topic], from: new Map(), signal: stop.signal, idle_ms: 60_000 })) {
      expect(records.map(({ key }) => key)).toEqual(['silent']);
      stop.abort();
    }
  });

  async function appendBehindItsBack(topic: string): Promise<void> {
    await ask(
      `with moved as (update log.partitions set next = next + 1 where topic = $1 returning next - 1 as "offset")
       insert into log.records (topic, partition, "offset", key, value, headers, appended) select $1, 0, "offset", 'silent', 'x', '{}', 0 from moved`,
      [topic],
    );
  }

  it('gives its own records and those of others in one order', async () => {
    const one = await open();
    const topic = await newTopic(one);
    // It knows the topics that there are when it starts.
    const other = await open();
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { records } of one.follow({ topics: [topic], from: new Map(), signal: stop.signal, batch: 3 })) {
        seen.push(...records.map(({ value, position }) => `${position.offset}:${Buffer.from(value!).toString()}`));
        if (seen.length >= 40) return;
      }
    })();
    const expected: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      await appended(index % 5 === 4 ? other : one, record(topic, String(index)));
      expected.push(`${index}:${index}`);
    }
    await following;
    stop.abort();
    expect(seen).toEqual(expected);
  });

  it('brings no more than a share of its limit in one look, however large the records', async () => {
    const [writer, reader] = [await open(), await open()];
    const topic = await newTopic(writer, { max_record_bytes: 8 * 1024 * 1024 });
    for (let index = 0; index < 6; index += 1) await appended(writer, record(topic, Buffer.alloc(7 * 1024 * 1024, index)));
    const sizes: number[] = [];
    const stop = new AbortController();
    for await (const { records, atEnd } of reader.follow({ topics: [topic], from: new Map(), signal: stop.signal })) {
      sizes.push(records.length);
      if (atEnd) break;
    }
    expect(sizes).toEqual([3, 3]);
  });

  it('deletes what is older than its retention, in steps, and nothing else', async () => {
    const log = await open();
    const topic = await newTopic(log, { retention_ms: 60_000 });
    for (let batch = 0; batch < 3; batch += 1) await appended(log, ...Array.from({ length: 5000 }, (_, index) => record(topic, `${batch}/${index}`)));
    await ask('update log.records set appended = appended - 120000 where topic = $1 and "offset" < 12000', [topic]);
    await log.maintain();
    expect(await ask('select count(*)::int as count, min("offset")::int as first from log.records where topic = $1', [topic])).toEqual([{ count: 3000, first: 12_000 }]);
    expect(await ask('select earliest::int, next::int from log.partitions where topic = $1', [topic])).toEqual([{ earliest: 12_000, next: 15_000 }]);
  });

  it('keeps superseded states for a while, and removals for a day', async () => {
    const log = await open();
    const topic = await newTopic(log, { cleanup: 'compact' });
    await appended(log, record(topic, '1'), record(topic, '2'), { ...record(topic, ''), key: 'gone', value: null });
    const left = (): Promise<{ offset: number }[]> => ask('select "offset"::int from log.records where topic = $1 order by 1', [topic]);
    await log.maintain();
    expect(await left()).toHaveLength(3);
    await log.maintain(Date.now() + 120_000);
    expect(await left()).toEqual([{ offset: 1 }, { offset: 2 }]);
    await log.maintain(Date.now() + 2 * 86_400_000);
    expect(await left()).toEqual([{ offset: 1 }]);
  });

  it('refuses to work on a schema of a newer version', async () => {
    await ask('insert into log.versions (version) values (999)');
    try {
      await expect(open()).rejects.toThrow(/schema version 999, and this program knows 1: run the newer program/);
    } finally {
      await ask('delete from log.versions where version = 999');
    }
  });

  it('installs its schema once when several processes start together', async () => {
    const { url: fresh } = await testPostgres();
    const started = await Promise.all(Array.from({ length: 5 }, () => PostgresLog.open({ url: fresh, maintenance_ms: 0 })));
    await Promise.all(started.map((log) => log.createTopics([{ name: 'together', partitions: 2, cleanup: 'delete', retention_ms: null, max_record_bytes: 1000 }])));
    expect((await started[0]!.ends(['together'])).size).toBe(2);
    await Promise.all(started.map((log) => log.close()));
  });

  it('writes durably even where the database is set up to acknowledge before', async () => {
    const name = new URL(url).pathname.slice(1);
    await ask(`alter database ${name} set synchronous_commit = off`);
    try {
      const log = await open();
      const topic = await newTopic(log);
      await appended(log, record(topic, '1'));
      await ask(
        `create or replace function probe() returns trigger language plpgsql as $$ begin raise exception 'synchronous_commit is %', current_setting('synchronous_commit'); end $$`,
      );
      await ask(`create trigger probe before insert on log."${topic}" for each row execute function probe()`);
      const [result] = await log.append([record(topic, '2')], { timeout_ms: 5000 });
      expect((result as { error: Error }).error.message).toMatch(/synchronous_commit is on/);
    } finally {
      await ask(`alter database ${name} reset synchronous_commit`);
    }
  });
});
