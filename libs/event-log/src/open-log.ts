import type { EventLog } from './port.js';
import { PostgresLog } from './postgres/postgres-log.js';
import type { LogSettings } from './settings.js';
import type { TopicAdmin } from './topics.js';

export type OnProblem = (problem: string, error: unknown) => void;

/** Connects to the log that the settings name. Throws a message for people when it cannot be reached or used. */
export async function openLog(settings: LogSettings, onProblem?: OnProblem): Promise<EventLog & TopicAdmin> {
  if (settings.logUrl.startsWith('postgres')) {
    return PostgresLog.open({ url: settings.logUrl, poll_ms: settings.logPoll, maintenance_ms: settings.logMaintenance, onProblem });
  }
  throw new Error('the Kafka engine is not in this build');
}
