import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource, QueryRunner } from 'typeorm';
import { policySimulated } from '@customhouse/events/policy/events';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { PolicyBlastRadius, PolicySimulation } from '@customhouse/http-contract/policy-trials';
import { conflict, notFound } from '@customhouse/http-contract/problem';
import { unixMilliseconds } from '@customhouse/kernel/time';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER, SEALER } from '@customhouse/nest/tokens';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Sealer } from '@customhouse/sealing/sealer';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { CompiledVersions } from './compiled-versions.js';
import { versionStream } from './events.js';
import { endInterrupted, endSimulation, findSimulation, insertSimulation, keepNewest, noteProgress } from './simulation-rows.js';
import { simulate } from './simulation.js';
import { TrialMetrics } from './trial-metrics.js';

/** What is to be simulated. */
export interface Wanted {
  readonly version: number;
  readonly against?: number | undefined;
  /** Timestamps. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** At most so many calls, the newest. */
  readonly calls?: number | undefined;
}

const lockName = `hashtextextended('customhouse.policy.simulation', 0)`;
const progressEvery_ms = 300;

/** Runs candidates over recorded history, one at a time in the whole installation. */
@Injectable()
export class Simulations implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private running: { readonly id: string; readonly over: Promise<void> } | undefined;
  private readonly outbox = new Outbox();

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
    @Inject(TrialMetrics) private readonly metrics: TrialMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** What ran when the process ended does not run any more, and should not look as if it did. */
  async onApplicationBootstrap(): Promise<void> {
    const guard = this.dataSource.createQueryRunner();
    try {
      if (!(await this.lock(guard))) return;
      await endInterrupted(guard);
      await this.unlock(guard);
    } finally {
      await guard.release();
    }
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running?.over;
  }

  /** Begins. Throws ProblemError: `not-found` for a version that is not there, `conflict` while another simulation runs, here or in another process. */
  async begin(wanted: Wanted, by: string): Promise<PolicySimulation> {
    const candidate = await this.policy(wanted.version);
    const baseline = wanted.against === undefined ? undefined : await this.policy(wanted.against);
    await this.settled();
    const guard = this.dataSource.createQueryRunner();
    try {
      if (!(await this.lock(guard))) throw new ProblemError(conflict, 'a simulation is running already; wait for its end or cancel it: GET /v1/policy/simulations shows it');
      const id = newUlid();
      await endInterrupted(guard);
      await insertSimulation(guard, { id, version: wanted.version, against: wanted.against ?? null, since: wanted.since ?? null, until: wanted.until ?? null, started_by: by });
      await keepNewest(guard, this.settings.simulationsKept_count);
      this.running = { id, over: this.run(id, { ...wanted, by }, candidate, baseline, guard) };
      return (await findSimulation(this.dataSource.manager, id))!;
    } catch (error) {
      await this.giveBack(guard);
      throw error;
    }
  }

  /** Throws ProblemError `not-found`. */
  async cancel(id: string): Promise<PolicySimulation> {
    const { manager } = this.dataSource;
    // Whoever runs it notices when it next notes its progress. Where that is this process, another one can begin when this has answered.
    const ended = await endSimulation(manager, id, { state: 'cancelled' });
    if (this.running?.id === id) await this.running.over;
    const simulation = await findSimulation(manager, id);
    if (!simulation) throw new ProblemError(notFound, `there is no simulation ${id}`);
    if (ended) this.logger.info({ simulation: id }, 'a simulation was cancelled');
    return simulation;
  }

  /** Holds the lock by `guard`, whose connection it gives back. Does not reject. */
  private async run(id: string, wanted: Wanted & { readonly by: string }, candidate: Policy, baseline: Policy | undefined, guard: QueryRunner): Promise<void> {
    const { manager } = this.dataSource;
    let noted = -Infinity;
    try {
      const report = await simulate(this.scopeOf(wanted), {
        dataSource: this.dataSource,
        sealer: this.sealer,
        candidate,
        baseline,
        bounds: { names: this.settings.reportNames_count, examples: this.settings.reportExamples_count },
        signal: this.stopping.signal,
        progress: async (done, total) => {
          this.stopping.signal.throwIfAborted();
          if (done < total && done > 0 && performance.now() - noted < progressEvery_ms) return true;
          noted = performance.now();
          return noteProgress(manager, id, { done, total });
        },
      });
      if (report && (await this.finish(id, report, candidate, wanted.by)))
        this.logger.info({ simulation: id, version: wanted.version, calls: report.calls }, 'a simulation is finished');
    } catch (error) {
      this.metrics.simulated('failed');
      const problem = this.stopping.signal.aborted ? 'the process that ran it was stopped' : error instanceof Error ? error.message : String(error);
      if (!this.stopping.signal.aborted) this.logger.error({ error, simulation: id }, 'a simulation failed');
      await endSimulation(manager, id, { state: 'failed', problem }).catch((late: unknown) =>
        this.logger.error({ error: late, simulation: id }, 'the failed simulation could not be noted'),
      );
    } finally {
      await this.giveBack(guard);
    }
  }

  /** The end, the stage of the version, and the event are written together. */
  private async finish(id: string, report: PolicyBlastRadius, { version: { number, digest } }: Policy, by: string): Promise<boolean> {
    return inTransaction(this.dataSource, async (tx) => {
      if (!(await endSimulation(tx, id, { state: 'finished', report }))) return false;
      await tx.query('update versions set simulated = clock_timestamp() where number = $1', [number]);
      const { newly_allowed, newly_held, newly_refused, other_terms } = report.changes;
      const counts = { newly_allowed: newly_allowed.calls, newly_held: newly_held.calls, newly_refused: newly_refused.calls, other_terms: other_terms.calls };
      const data = { number, digest, simulation: id, calls: report.calls, undecided: report.erased + report.unreadable, ...counts, by };
      await this.outbox.publish(tx, [{ declaration: policySimulated, subject: versionStream(number), key: 'policy', data }]);
      return true;
    });
  }

  private scopeOf({ since, until, calls }: Wanted) {
    const time = (text: string | undefined) => (text === undefined ? null : unixMilliseconds(text));
    const most = this.settings.simulationCalls_count;
    return { since: time(since), until: time(until), calls: Math.min(calls ?? most, most) };
  }

  private async policy(number: number): Promise<Policy> {
    const policy = await this.compiled.of(number);
    if (!policy) throw new ProblemError(notFound, `there is no version ${number} of the policy`);
    return policy;
  }

  /** One that is over for whoever asks gives its lock back a moment later. */
  private async settled(): Promise<void> {
    const { running } = this;
    if (running && (await findSimulation(this.dataSource.manager, running.id))?.state !== 'running') await running.over;
  }

  private async lock(guard: QueryRunner): Promise<boolean> {
    return (await oneRow<{ locked: boolean }>(guard, `select pg_try_advisory_lock(${lockName}) as locked`)).locked;
  }

  private async unlock(guard: QueryRunner): Promise<void> {
    await guard.query(`select pg_advisory_unlock(${lockName})`);
  }

  private async giveBack(guard: QueryRunner): Promise<void> {
    await this.unlock(guard).catch(() => undefined);
    await guard.release();
  }
}
