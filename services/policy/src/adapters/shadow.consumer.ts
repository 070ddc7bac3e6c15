import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Tx } from '@customhouse/event-store/sql';
import type { PolicyShadow } from '@customhouse/http-contract/policy-trials';
import type { BatchContext } from '@customhouse/nest/event-context';
import { SEALER } from '@customhouse/nest/tokens';
import type { Sealer } from '@customhouse/sealing/sealer';
import { BlastRadius } from '../domain/blast-radius.js';
import { PastState } from '../domain/past-state.js';
import type { RecordedCall } from '../domain/recorded-call.js';
import { openArguments } from './again.js';
import { CompiledVersions } from './compiled-versions.js';
import { pastOf } from './history.consumer.js';
import { loadMemory, saveMemory } from './shadow-memory.js';
import { shadowGroup, Shadows } from './shadows.js';
import { compare, type Result } from './simulation.js';
import { looksBack, Trial } from './trial.js';
import { TrialMetrics } from './trial-metrics.js';

/** A shadow as far as this process has come with it. */
interface Progress {
  readonly shadow: string;
  readonly radius: BlastRadius;
  readonly trial: Trial;
}

/** Decides the calls that come by the version in the shadow, after they were decided, and counts what is different. No call waits for it. */
@Controller()
export class ShadowConsumer {
  /** What is stored, and only that: undefined after a commit that failed. */
  private progress: Progress | undefined;

  constructor(
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(Shadows) private readonly shadows: Shadows,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(TrialMetrics) private readonly metrics: TrialMetrics,
  ) {}

  @EventPattern<string>('*', Symbol.for(shadowGroup), { batch: true })
  async onEvents(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const { tx } = context;
    const begun = this.progress;
    this.progress = undefined;
    const shadow = await this.shadows.current(tx);
    if (!shadow) return;
    const progress = begun?.shadow === shadow.id ? begun : await this.resume(tx, shadow);
    if (!progress) return;
    const results: Result[] = [];
    for (const event of pastOf(events)) {
      if (event.happened === 'decided') results.push(await this.look(event.call, progress));
      else if (event.happened === 'sent') progress.trial.sent(event.call, event.time);
      else progress.trial.found(event.session, event.rules);
    }
    if (!(await this.shadows.save(tx, shadow.id, progress.radius.report()))) return;
    await saveMemory(tx, shadow.id, progress.trial.before.changes());
    context.afterCommit(() => {
      this.progress = progress;
      this.metrics.shadowed(results);
    });
  }

  /** Where the database has it. */
  private async resume(tx: Tx, { id, version }: Pick<PolicyShadow, 'id' | 'version'>): Promise<Progress | undefined> {
    const policy = await this.compiled.of(version);
    // What is not looked at need not be saved.
    const before = new PastState(policy && looksBack(policy) ? await loadMemory(tx, id) : undefined);
    return policy && { shadow: id, radius: new BlastRadius(this.shadows.bounds, await this.shadows.report(tx, id)), trial: new Trial(policy, before) };
  }

  private async look(call: RecordedCall, { trial, radius }: Progress): Promise<Result> {
    const opened = trial.looksAtArguments(call) ? await openArguments(call.arguments, this.sealer) : undefined;
    return compare(call, opened, { candidate: trial, baseline: undefined }, radius);
  }
}
