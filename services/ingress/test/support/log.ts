import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { EventLog } from '@customhouse/event-log/port';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import { systemTopics } from '@customhouse/event-log/topics';

/** A log in a PostgreSQL database of its own. */
export async function testLog(): Promise<EventLog> {
  const server = process.env['CUSTOMHOUSE_TEST_POSTGRES_URL']!;
  const name = `ingress_${randomBytes(6).toString('hex')}`;
  const admin = new Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(server);
  url.pathname = `/${name}`;
  const log = await PostgresLog.open({ url: url.href, poll_ms: 200 });
  await log.createTopics(systemTopics());
  return log;
}
