import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Logger } from 'pino';
import { OutboxRelay } from '@customhouse/event-store/outbox-relay';
import { openApiDocument } from '@customhouse/http-contract/openapi';
import type { Environment } from '@customhouse/settings/settings';
import { ClosingStack } from './closing-stack.js';
import { consumersOf, measureConsumers } from './consumers.js';
import { databaseUrl, openDatabase } from './databases.js';
import { Health } from './health.js';
import { openHost, type Host, type HostParts } from './host.js';
import { createHttpApp, drain, listen } from './http-app.js';
import { createLogger } from './logger.js';
import { HostMetrics } from './metrics.js';
import { loadProcessSettings } from './process-settings.js';
import type { ServiceDefinition } from './service.js';
import { dataSourceOf, EVENT_LOG, EVENT_SINK, HEALTH, HOST_METRICS, HOST_SETTINGS, INSTANCE, KEY_DIRECTORY, LOGGER, METRICS, OPEN_API, SEALER, SHUTDOWN } from './tokens.js';

export interface RunOptions {
  /** One service, or all six. */
  readonly services: readonly ServiceDefinition[];
  readonly environment: Environment;
  /** Instead of one that writes JSON lines to standard output. */
  readonly logger?: Logger;
}

export interface Running {
  /** `http://127.0.0.1:8401`. */
  readonly apiUrl: string;
  readonly instance: string;
  readonly logger: Logger;
  /** Resolves when `/health/ready` said yes for the first time. Rejects when the process is closed before. */
  readonly ready: Promise<void>;
  /** Something that a module provides, by its token. */
  get<T>(token: unknown): T;
  /** Takes no more calls, lets running ones end, stops consumers, ends the chain of events. Bounded; safe to call twice. */
  close(): Promise<void>;
}

interface Process extends HostParts {
  readonly metrics: HostMetrics;
  readonly dataSources: Map<string, DataSource>;
  /** Aborted at the beginning of the shutdown: for streams that would never end by themselves. */
  readonly shutdown: AbortController;
}

/**
 * Hosts services in this process: settings, log, databases, one Nest application, consumers, health. Answers when the control API
 * listens. Throws SettingsError, StartError or KeyFileError with what to do, after closing what was open.
 */
export async function runServices(options: RunOptions): Promise<Running> {
  const settings = loadProcessSettings(options.services, options.environment);
  const { instance, logLevel, shutdownTimeout_ms } = settings.host;
  const name = options.services.length === 1 ? options.services[0]!.name : 'customhouse';
  const logger = options.logger ?? createLogger({ service: name, instance, level: logLevel });
  const closing = new ClosingStack();
  const parts: Process = {
    settings,
    services: options.services,
    health: new Health(),
    closing,
    logger,
    metrics: new HostMetrics(instance),
    dataSources: new Map(),
    shutdown: new AbortController(),
  };
  const close = () => {
    parts.health.startStopping();
    parts.shutdown.abort();
    return closing.close(shutdownTimeout_ms, logger);
  };
  try {
    const host = await openHost(parts);
    await openDatabases(parts, host);
    const app = await startApp(parts, host);
    const apiUrl = await listen(app, settings.host);
    // Half of the time is for those who are being served; consumers and writers need the rest.
    closing.add('the control API', () => drain(app, shutdownTimeout_ms / 2));
    if (settings.host.development) logger.warn('DEVELOPMENT PROFILE: agents on this machine may call without a key. Never use it where others can reach this machine.');
    if (settings.host.bootstrapKey !== undefined) logger.warn('the bootstrap key is accepted: issue keys to people and remove CUSTOMHOUSE_BOOTSTRAP_KEY');
    logger.info({ services: options.services.map((service) => service.name) }, `the control API listens on ${apiUrl}`);
    const ready = becomesReady(parts);
    // Whoever waits for it is told; nobody has to.
    ready.catch(() => undefined);
    return { apiUrl, instance, logger, ready, get: (token) => app.get(token as symbol, { strict: false }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openDatabases(parts: Process, host: Host): Promise<void> {
  const { settings, health, closing, logger, metrics } = parts;
  const onWaiting = (message: string) => logger.info(message);
  const stateful = parts.services.filter((service) => service.migrations);
  // Side by side: each schema has a lock of its own.
  const opened = await Promise.allSettled(stateful.map((service) => openDatabase(service, settings.host, onWaiting)));
  for (const [index, service] of stateful.entries()) {
    const result = opened[index]!;
    if (result.status === 'rejected') continue;
    parts.dataSources.set(service.name, result.value);
    closing.add(`the database of ${service.name}`, () => result.value.destroy());
  }
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  for (const service of stateful) {
    const dataSource = parts.dataSources.get(service.name)!;
    const relay = new OutboxRelay({
      dataSource,
      schema: service.name,
      url: databaseUrl(service, settings.host),
      sink: host.sink,
      poll_ms: settings.host.relayPoll_ms,
      onShipped: (count) => metrics.shipped.inc({ service: service.name }, count),
      onProblem: (error) =>
        error === undefined
          ? logger.info(`the outbox of ${service.name} is shipped again`)
          : logger.error({ error }, `the outbox of ${service.name} cannot be shipped; trying again`),
    });
    relay.start();
    closing.add(`the outbox relay of ${service.name}`, () => relay.stop());
    health.add(`${service.name}-outbox`, () => {
      if (relay.trouble !== undefined) throw new Error(relay.trouble);
    });
    health.add(`${service.name}-database`, async () => void (await dataSource.query('select 1')));
  }
}

async function startApp(parts: Process, host: Host) {
  const { settings, services, health, closing, logger, metrics } = parts;
  const modules = services.map((service) => service.module(settings.services.get(service.name) as never));
  const values = new Map<symbol, unknown>([
    [EVENT_LOG, host.log],
    [EVENT_SINK, host.sink],
    [SEALER, host.sealer],
    [KEY_DIRECTORY, host.keys],
    [LOGGER, logger],
    [HEALTH, health],
    [METRICS, metrics.registry],
    [OPEN_API, describeApi(services)],
    [HOST_METRICS, metrics],
    [HOST_SETTINGS, settings.host],
    [INSTANCE, settings.host.instance],
    [SHUTDOWN, parts.shutdown.signal],
    ...[...parts.dataSources].map(([name, source]) => [dataSourceOf(name), source] as const),
  ]);
  const app = await createHttpApp({ modules, values, keys: host.keys, settings: settings.host, metrics, logger });
  closing.add('the application', () => app.close());
  const strategies = services.flatMap((service) =>
    consumersOf(service, { log: host.log, dataSource: parts.dataSources.get(service.name), settings: settings.host, health, metrics, logger }),
  );
  for (const strategy of strategies) app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  const declared = new Map(services.flatMap((service) => service.consumers ?? []).map((consumer) => [consumer.group, consumer]));
  metrics.onScrape(() => measureConsumers(strategies, declared, host.log, metrics));
  await app.init();
  await app.startAllMicroservices();
  return app;
}

function describeApi(services: readonly ServiceDefinition[]): unknown {
  return openApiDocument({
    title: 'Customhouse',
    description: 'The control API of the services in this process.',
    services: Object.fromEntries(services.flatMap(({ name, routes }) => (routes ? [[name, routes]] : []))),
  });
}

async function becomesReady({ health, shutdown }: Process): Promise<void> {
  for (;;) {
    if (shutdown.signal.aborted) throw new Error('closed before it was ready');
    if ((await health.readiness()).ready) return;
    await sleep(50);
  }
}
