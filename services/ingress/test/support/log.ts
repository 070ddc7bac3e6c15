import type { EventLog } from '@customhouse/event-log/port';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import { systemTopics } from '@customhouse/event-log/topics';
import { testPostgres } from '@customhouse/test-engines/postgres';

/** A log in a PostgreSQL database of its own. */
export async function testLog(): Promise<EventLog & { readonly url: string }> {
  const { url } = await testPostgres();
  const log = await sameLog(url);
  await log.createTopics(systemTopics());
  return Object.assign(log, { url });
}

/** The log at this URL, as another process has it. */
export function sameLog(url: string): Promise<PostgresLog> {
  return PostgresLog.open({ url, poll_ms: 200 });
}
