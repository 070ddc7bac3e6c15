import pg from 'pg';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { conformance, type Log } from './conformance.js';

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
