import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntitySchema } from 'typeorm';
import { eventStoreMigrations, migrate } from '@customhouse/event-store/migrations';
import { backoff, failureKind } from '@customhouse/event-store/failures';
import type { HostSettings } from './config.js';
import type { ServiceDefinition } from './service.js';
import { StartError } from './start-error.js';

/** Migrates the service's schema and opens its pool. Waits for a database that does not answer yet, within the start timeout. Throws StartError. */
export async function openDatabase(service: ServiceDefinition, settings: HostSettings, onWaiting: (message: string) => void): Promise<DataSource> {
  const url = databaseUrl(service, settings);
  await whenItAnswers(settings.startTimeout_ms, onWaiting, () =>
    migrate({ url, schema: service.name, sets: [eventStoreMigrations, { name: service.name, folder: service.migrations! }] }),
  );
  const source = new DataSource({
    type: 'postgres',
    url,
    schema: service.name,
    entities: (service.entities ?? []) as EntitySchema[],
    synchronize: false,
    logging: false,
    poolSize: settings.databasePoolSize,
    connectTimeoutMS: settings.databaseConnectTimeout_ms,
    applicationName: `customhouse ${service.name}`,
    installExtensions: false,
    // A connection that breaks while nobody uses it is replaced by the pool; readiness is what tells.
    poolErrorHandler: () => undefined,
    extra: {
      options: `-c search_path=${service.name}`,
      statement_timeout: settings.databaseStatementTimeout_ms,
      // The server ends the statement; this is for a server that hangs.
      query_timeout: settings.databaseStatementTimeout_ms + 5_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
      // The server may end a connection in the moment between the pool that gives it away and whoever takes it, when neither listens. An error that nobody hears ends the process;
      // the statement that comes next fails all the same.
      onConnect: (client: EventEmitter): void => void client.on('error', () => undefined),
    },
  });
  try {
    return await source.initialize();
  } catch (error) {
    throw new StartError(`the database of ${service.name} does not accept connections: ${messageOf(error)}`, { cause: error });
  }
}

export function databaseUrl(service: ServiceDefinition, settings: HostSettings): string {
  if (settings.databaseUrl === undefined)
    throw new StartError(`the service ${service.name} needs a database: set CUSTOMHOUSE_DATABASE_URL to postgres://user:password@host:5432/database`);
  return settings.databaseUrl;
}

async function whenItAnswers(timeout_ms: number, onWaiting: (message: string) => void, attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + timeout_ms;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (failureKind(error) !== 'away') throw new StartError(messageOf(error), { cause: error });
      if (performance.now() >= deadline)
        throw new StartError(`the database did not answer for ${timeout_ms} ms (${messageOf(error)}): is it running, and is CUSTOMHOUSE_DATABASE_URL right?`, { cause: error });
      if (tries === 1) onWaiting(`waiting for the database: ${messageOf(error)}`);
      await sleep(backoff(tries, 100, 1_000));
    }
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
