import { SettingsError } from '@customhouse/settings/settings';
import { KeyFileError } from '@customhouse/sealing/key-file';
import { keepHeapSmall } from './heap.js';
import { withoutCredentials, describeError } from './logger.js';
import { runServices, type Running } from './run.js';
import type { ServiceDefinition } from './service.js';
import { StartError } from './start-error.js';

/** The whole `main.ts` of a service: runs until SIGTERM or SIGINT. Exit code 0 after an orderly end, 1 otherwise, 78 for unusable settings. */
export async function main(...services: ServiceDefinition[]): Promise<void> {
  keepHeapSmall();
  let running: Running;
  try {
    running = await runServices({ services, environment: process.env });
  } catch (error) {
    process.stderr.write(`${withoutCredentials(explain(error))}\n`);
    process.exit(error instanceof SettingsError ? 78 : 1);
  }
  endOnStrayErrors(running);
  await shutdownSignal();
  await running.close();
  process.exit(0);
}

/** Resolves at the first SIGTERM or SIGINT. The second ends the process at once. */
export async function shutdownSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const once = (signal: NodeJS.Signals) => {
      resolve(signal);
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
    };
    process.once('SIGTERM', once);
    process.once('SIGINT', once);
  });
}

/** An error that nobody caught leaves the process in a state that nobody knows: it is logged, without what it carries along, and ends it. */
export function endOnStrayErrors(running: Pick<Running, 'logger'>): void {
  const end = (error: unknown) => {
    running.logger.fatal({ error }, 'an error that nobody caught ends the process');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

function explain(error: unknown): string {
  if (error instanceof SettingsError || error instanceof StartError || error instanceof KeyFileError) return error.message;
  return JSON.stringify(describeError(error), null, 2);
}
