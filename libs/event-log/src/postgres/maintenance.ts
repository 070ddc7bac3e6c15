import type { Pool, PoolClient } from 'pg';

/** A state must be superseded for this long before it goes, so that a follower that is near the end sees every step. */
const compactionLag_ms = 60_000;
/** A removal stays readable for this long: a follower that is further behind starts again from the state. */
const removalRetention_ms = 86_400_000;
const chunk = 10_000;

interface TopicRow {
  topic: string;
  cleanup: 'delete' | 'compact';
  retention_ms: number | null;
}

/** Compaction and retention of all topics. One process does it at a time; the others return at once. Rejects when the database fails. */
export async function maintain(pool: Pool, now: number, lags = { compaction_ms: compactionLag_ms, removal_ms: removalRetention_ms }): Promise<void> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    const lock = await client.query<{ held: boolean }>(`select pg_try_advisory_lock(hashtext('customhouse.log.maintenance')) as held`);
    if (!lock.rows[0]?.held) return;
    try {
      const topics = await client.query<TopicRow>('select topic, cleanup, retention_ms::float8 as retention_ms from log.topics order by topic');
      for (const topic of topics.rows) {
        if (topic.cleanup === 'compact') await compact(client, topic.topic, now, lags);
        else if (topic.retention_ms !== null) await retain(client, topic.topic, now - topic.retention_ms);
      }
    } finally {
      await client.query(`select pg_advisory_unlock(hashtext('customhouse.log.maintenance'))`);
    }
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // A broken connection is thrown away, and the lock with it.
    client.release(failure);
  }
}

async function compact(client: PoolClient, topic: string, now: number, lags: { readonly compaction_ms: number; readonly removal_ms: number }): Promise<void> {
  await client.query(
    `delete from log.records r where r.topic = $1 and r.appended < $2
       and exists (select 1 from log.records n where n.topic = $1 and n.partition = r.partition and n.key = r.key and n."offset" > r."offset")`,
    [topic, now - lags.compaction_ms],
  );
  // The record before a removal is older and was deleted above, so a key that was removed cannot come back.
  await client.query('delete from log.records r where r.topic = $1 and r.value is null and r.appended < $2', [topic, now - Math.max(lags.removal_ms, lags.compaction_ms)]);
}

/** Moves the start of each partition and deletes what lies before it, in one transaction and in small steps. */
async function retain(client: PoolClient, topic: string, cutoff: number): Promise<void> {
  const partitions = await client.query<{ partition: number }>('select partition from log.partitions where topic = $1 order by partition', [topic]);
  for (const { partition } of partitions.rows) {
    let deleted = chunk;
    while (deleted === chunk) {
      const step = await client.query<{ deleted: number }>(
        `with expired as (
           select "offset" from log.records where topic = $1 and partition = $2 and "offset" < coalesce(
             (select min("offset") from log.records where topic = $1 and partition = $2 and appended >= $3),
             (select next from log.partitions where topic = $1 and partition = $2))
           order by "offset" limit ${chunk}
         ), gone as (
           delete from log.records r using expired e where r.topic = $1 and r.partition = $2 and r."offset" = e."offset" returning r."offset"
         ), moved as (
           update log.partitions set earliest = (select max("offset") + 1 from gone) where topic = $1 and partition = $2 and exists (select 1 from gone)
         )
         select count(*)::int as deleted from gone`,
        [topic, partition, cutoff],
      );
      deleted = step.rows[0]?.deleted ?? 0;
    }
  }
}
