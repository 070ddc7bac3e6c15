import type { DataSource } from 'typeorm';
import type { Logger } from 'pino';
import { decode } from '@customhouse/event-log/decode';
import type { EventLog, StoredRecord } from '@customhouse/event-log/port';
import type { HostSettings } from './config.js';
import { EventLogStrategy } from './event-log-strategy.js';
import type { Health } from './health.js';
import type { HostMetrics } from './metrics.js';
import type { ConsumerDeclaration, ServiceDefinition } from './service.js';
import { StartError } from './start-error.js';

export interface ConsumerParts {
  readonly log: EventLog;
  readonly dataSource: DataSource | undefined;
  readonly settings: HostSettings & { readonly instance: string };
  readonly health: Health;
  readonly metrics: HostMetrics;
  readonly logger: Logger;
}

/** One transport strategy for each consumer group of a service, with its health check, metrics and log lines. Throws StartError. */
export function consumersOf(service: ServiceDefinition, parts: ConsumerParts): EventLogStrategy[] {
  return (service.consumers ?? []).map((declared) => {
    if (!parts.dataSource) throw new StartError(`the service ${service.name} has consumers and no migrations: positions need a database`);
    const strategy = new EventLogStrategy({
      ...declared,
      dataSource: parts.dataSource,
      log: parts.log,
      owner: parts.settings.instance,
      decode,
      lease_ms: parts.settings.consumerLease_ms,
      batch: parts.settings.consumerBatch,
      dedupe_ms: parts.settings.consumerDedupe_ms,
      observer: observe(declared, parts),
    });
    parts.health.add(`consumer-${declared.group}`, () => {
      const { problem, state } = strategy.projection;
      if (problem !== undefined) throw new Error(problem);
      if (state !== 'following' && state !== 'standby' && state !== 'resting') throw new Error(`the consumer is ${state}`);
    });
    return strategy;
  });
}

function observe({ group }: ConsumerDeclaration, { metrics, logger }: ConsumerParts) {
  return {
    processed(events: number, milliseconds: number): void {
      metrics.consumed.inc({ group }, events);
      metrics.batch_seconds.observe({ group }, milliseconds / 1_000);
    },
    deadLetter(record: StoredRecord, reason: string): void {
      metrics.deadLetters.inc({ group, topic: record.topic });
      logger.error({ group, position: record.position, reason }, 'a record could not be processed and was put aside as a dead letter');
    },
    problem(error: unknown): void {
      if (error === undefined) logger.info({ group }, 'the consumer gets on again');
      else {
        metrics.consumerFailures.inc({ group });
        logger.error({ group, error }, 'the consumer does not get on; trying again');
      }
    },
  };
}

/** Brings the gauges up to date when somebody asks for the metrics. */
export async function measureConsumers(
  strategies: readonly EventLogStrategy[],
  declared: ReadonlyMap<string, ConsumerDeclaration>,
  log: EventLog,
  metrics: HostMetrics,
): Promise<void> {
  for (const { projection } of strategies) {
    const { group } = projection;
    metrics.setFollowing(group, projection.state === 'following' && projection.problem === undefined);
    if (projection.state !== 'following') continue;
    const lags = new Map<string, number>();
    for (const [partition, end] of await log.ends(declared.get(group)!.topics)) {
      const topic = partition.slice(0, partition.lastIndexOf(':'));
      lags.set(topic, (lags.get(topic) ?? 0) + Math.max(0, end - (projection.positions.get(partition) ?? 0)));
    }
    for (const [topic, records] of lags) metrics.setLag(group, topic, records);
  }
}
