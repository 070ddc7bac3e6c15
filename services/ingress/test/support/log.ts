import type { EventLog } from '@customhouse/event-log/port';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import { systemTopics } from '@customhouse/event-log/topics';
import { testPostgres } from '@customhouse/test-engines/postgres';

/** A log in a PostgreSQL database of its own. */
export async function testLog(): Promise<EventLog> {
  const { url } = await testPostgres();
  const log = await PostgresLog.open({ url, poll_ms: 200 });
  await log.createTopics(systemTopics());
  return log;
}
