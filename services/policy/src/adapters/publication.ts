import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { decode } from '@customhouse/event-log/decode';
import type { EventLog, StoredRecord } from '@customhouse/event-log/port';
import { rowsOf } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { Health } from '@customhouse/nest/health';
import { dataSourceOf, EVENT_LOG, HEALTH, LOGGER, SHUTDOWN } from '@customhouse/nest/tokens';
import { stopPrefix } from '@customhouse/policy-contract/stops';
import { activeKey, moduleKey } from './events.js';
import { PolicyMetrics } from './metrics.js';
import { StartSet } from './start-set.js';
import { Stops } from './stops.js';
import { Versions } from './versions.js';

const topic = 'customhouse.state.policy';
const read_timeout_ms = 10_000;
const pause_ms = 500;

interface ActiveRow {
  readonly number: number;
  readonly digest: string;
  readonly module: string;
}

/**
 * At start: an installation without a policy gets one, and the topic that every ingress follows has the active version. It has it
 * already, unless the log was made anew or lost what it had; then the version is published once more, and so are the stops in force.
 */
@Injectable()
export class Publication implements OnApplicationBootstrap, OnApplicationShutdown {
  private problem: string | undefined = 'not yet compared with the log';
  private comparing: Promise<void> | undefined;

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SHUTDOWN) private readonly shutdown: AbortSignal,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Stops) private readonly stops: Stops,
    @Inject(StartSet) private readonly startSet: StartSet,
    @Inject(PolicyMetrics) private readonly metrics: PolicyMetrics,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.startSet.ensure();
    this.health.add('policy-published', () => {
      if (this.problem !== undefined) throw new Error(this.problem);
    });
    this.comparing = this.compare();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.comparing;
  }

  private async compare(): Promise<void> {
    for (let tries = 1; !this.shutdown.aborted; tries += 1) {
      try {
        this.problem = await this.difference();
        if (this.problem === undefined) return;
      } catch (error) {
        this.problem = `the policy cannot be compared with the log: ${error instanceof Error ? error.message : String(error)}`;
        if (tries === 1) this.logger.error({ error }, 'the policy cannot be compared with the log; trying again');
      }
      await sleep(pause_ms, undefined, { signal: this.shutdown }).catch(() => undefined);
    }
  }

  /** In words, what the topic lacks. Undefined: nothing. What it lacks is published, and there the next time. */
  private async difference(): Promise<string | undefined> {
    const [active] = await rowsOf<ActiveRow>(this.dataSource, 'select number, digest, module from versions where active');
    if (!active) return 'no version of the policy is active: activate one';
    this.metrics.isActive(active.number);
    const pending = await rowsOf(this.dataSource, 'select sequence from outbox where topic = $1 limit 1', [topic]);
    if (pending.length > 0) return 'the policy is on its way to the log';
    const { records } = await this.log.readState(topic, AbortSignal.any([this.shutdown, AbortSignal.timeout(read_timeout_ms)]));
    const stops = new Set(records.map(({ key }) => key).filter((key) => key.startsWith(stopPrefix)));
    const changed = await inTransaction(this.dataSource, (tx) => this.stops.publishAgain(tx, stops), { repeatable: true });
    if (changed) this.logger.warn('the log does not have the stops in force; publishing them again');
    if (isPublished(active, records)) return changed ? 'the stops are published again' : undefined;
    this.logger.warn({ number: active.number }, 'the log does not have the active version of the policy; publishing it again');
    await inTransaction(this.dataSource, (tx) => this.versions.publishActive(tx), { repeatable: true });
    return 'the policy is published again';
  }
}

function isPublished(active: ActiveRow, records: readonly StoredRecord[]): boolean {
  const published = records.find((record) => record.key === activeKey);
  if (!published || !records.some((record) => record.key === moduleKey(active.module))) return false;
  const { number, digest } = (decode(published).data ?? {}) as { number?: unknown; digest?: unknown };
  return number === active.number && digest === active.digest;
}
