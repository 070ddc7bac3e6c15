import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { BatchContext } from '@customhouse/nest/event-context';
import { SEALER } from '@customhouse/nest/tokens';
import type { Sealer } from '@customhouse/sealing/sealer';
import { BlastRadius } from '../domain/blast-radius.js';
import type { RecordedCall } from '../domain/recorded-call.js';
import { openArguments } from './again.js';
import { CompiledVersions } from './compiled-versions.js';
import { intentsOf } from './history.consumer.js';
import { Shadows } from './shadows.js';
import { compare, type Result } from './simulation.js';
import { Trial } from './trial.js';
import { TrialMetrics } from './trial-metrics.js';

export const shadowGroup = 'policy.shadow';

/** Decides the calls that come by the version in the shadow, after they were decided, and counts what is different. No call waits for it. */
@Controller()
export class ShadowConsumer {
  /** Counted so far, by the shadow: what is counted and what is stored are the same after each commit. Undefined after one that failed. */
  private counted: { readonly shadow: string; readonly radius: BlastRadius } | undefined;
  /** What the version in the shadow remembers of the calls before. */
  private trial: { readonly shadow: string; readonly of: Trial } | undefined;

  constructor(
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(Shadows) private readonly shadows: Shadows,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(TrialMetrics) private readonly metrics: TrialMetrics,
  ) {}

  @EventPattern<string>('*', Symbol.for(shadowGroup), { batch: true })
  async onEvents(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const calls = intentsOf(events);
    if (calls.length === 0) return;
    const shadow = await this.shadows.current(context.tx);
    const policy = shadow && (await this.compiled.of(shadow.version));
    const begun = this.counted;
    this.counted = undefined;
    if (!shadow || !policy) return;
    const radius = begun?.shadow === shadow.id ? begun.radius : new BlastRadius(this.shadows.bounds, shadow.report);
    if (this.trial?.shadow !== shadow.id) this.trial = { shadow: shadow.id, of: new Trial(policy) };
    const trial = this.trial.of;
    const results: Result[] = [];
    for (const call of calls) results.push(await this.look(call, trial, radius));
    if (!(await this.shadows.save(context.tx, shadow.id, radius.report()))) return;
    context.afterCommit(() => {
      this.counted = { shadow: shadow.id, radius };
      this.metrics.shadowed(results);
    });
  }

  private async look(call: RecordedCall, trial: Trial, radius: BlastRadius): Promise<Result> {
    const opened = trial.looksAtArguments(call) ? await openArguments(call.arguments, this.sealer) : undefined;
    return compare(call, opened, { candidate: trial, baseline: undefined }, radius);
  }
}
