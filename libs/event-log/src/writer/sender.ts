import { type AppendResult, type EventLog, type LogRecord } from '../port.js';
import type { Chain } from './chain.js';
import { finish, hashOf, type Draft, type Origin } from './draft.js';
import type { Job } from './job.js';
import { OffsetGuard } from './offset-guard.js';

/** What became of a batch as a whole. */
export type Sent =
  | { readonly kind: 'stored' }
  /** Nothing of it is in the log. `transient`: the engine is away or busy. */
  | { readonly kind: 'refused'; readonly transient: boolean; readonly error: Error }
  /** Some of it is not in the log, or perhaps not. */
  | { readonly kind: 'uncertain'; readonly error: Error }
  /** The log acknowledged what cannot be. */
  | { readonly kind: 'contradicted'; readonly error: Error };

interface Item {
  readonly job: Job;
  readonly record: LogRecord;
  readonly id: string;
  /** Undefined for what is not chained. */
  readonly sequence: number | undefined;
  readonly epoch: string | undefined;
}

/** Makes the records of a batch, appends them, and keeps the chain true to what the log answered. */
export class Sender {
  private readonly guard = new OffsetGuard();

  constructor(
    private readonly log: EventLog,
    private readonly origin: Origin,
    private readonly chain: Chain,
    private readonly now: () => number,
  ) {}

  /** Fills in `recorded` and `failure` of the jobs; telling their callers is left to the writer. */
  async send(jobs: readonly Job[], timeout_ms: number): Promise<Sent> {
    const items: Item[] = [];
    for (const job of jobs) this.build(job, items);
    if (items.length === 0) return { kind: 'refused', transient: false, error: jobs[0]!.failure!.error };
    const results = await this.append(items, timeout_ms);
    const contradiction = this.contradiction(results);
    if (contradiction !== undefined) {
      for (const item of items) item.job.fail({ kind: 'indeterminate', error: contradiction });
      return { kind: 'contradicted', error: contradiction };
    }
    items.forEach((item, index) => note(item, results[index]!));
    this.moveChain(items, results);
    return summary(results);
  }

  /** Why no engine would ever take this event. */
  unfit(draft: Draft): Error | undefined {
    return this.log.unfit(finish(draft, this.origin, this.chain.next()));
  }

  /** A job that holds a record which no engine would take is left out whole, and the chain does not know of it. */
  private build(job: Job, items: Item[]): void {
    const mark = this.chain.mark();
    const first = items.length;
    for (const draft of job.drafts) {
      const link = this.chain.next();
      const record = finish(draft, this.origin, link);
      const error = this.log.unfit(record);
      if (error !== undefined) {
        this.chain.reset(mark);
        items.length = first;
        job.fail({ kind: 'refused', error });
        return;
      }
      const chained = draft.event?.chained === true;
      if (chained) this.chain.advance(hashOf(record.value!));
      items.push({ job, record, id: draft.event?.id ?? '', sequence: chained ? link.sequence : undefined, epoch: chained ? link.epoch : undefined });
    }
  }

  private async append(items: readonly Item[], timeout_ms: number): Promise<readonly AppendResult[]> {
    try {
      return await this.log.append(
        items.map((item) => item.record),
        { timeout_ms },
      );
    } catch (cause) {
      // The port promises not to throw; whatever this is, nobody knows what the log holds now.
      const error = new Error(`the log failed in the middle of a batch: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      return items.map(() => ({ outcome: 'indeterminate', error }));
    }
  }

  private contradiction(results: readonly AppendResult[]): Error | undefined {
    for (const result of results) {
      const problem = result.outcome === 'stored' ? this.guard.check(result.position) : undefined;
      if (problem !== undefined) return new Error(`${problem}: acknowledged records may be missing, so nothing more is written`);
    }
    return undefined;
  }

  private moveChain(items: readonly Item[], results: readonly AppendResult[]): void {
    let stored = 0;
    let refused = 0;
    let indeterminate = 0;
    let storedUpTo = this.chain.acknowledged;
    items.forEach((item, index) => {
      if (item.sequence === undefined) return;
      const { outcome } = results[index]!;
      if (outcome === 'stored') {
        stored += 1;
        if (item.sequence === storedUpTo + 1) storedUpTo = item.sequence;
      } else if (outcome === 'refused') refused += 1;
      else indeterminate += 1;
    });
    if (refused + indeterminate === 0) this.chain.confirm();
    else if (stored + indeterminate === 0) this.chain.rollBack();
    else this.chain.breakOff(indeterminate > 0 ? 'indeterminate' : 'refused', storedUpTo, this.now());
  }
}

function note(item: Item, result: AppendResult): void {
  if (result.outcome === 'stored') item.job.recorded.push({ id: item.id, position: result.position, sequence: item.sequence, epoch: item.epoch });
  else if (result.outcome === 'refused') item.job.fail({ kind: result.transient ? 'transient' : 'refused', error: result.error });
  else item.job.fail({ kind: 'indeterminate', error: result.error });
}

function summary(results: readonly AppendResult[]): Sent {
  let stored = 0;
  let transient = false;
  let worst: (AppendResult & { outcome: 'refused' | 'indeterminate' }) | undefined;
  for (const result of results) {
    if (result.outcome === 'stored') stored += 1;
    else if (worst === undefined || result.outcome === 'indeterminate') worst = result;
    if (result.outcome === 'refused' && result.transient) transient = true;
  }
  if (worst === undefined) return { kind: 'stored' };
  if (worst.outcome === 'indeterminate' || stored > 0) return { kind: 'uncertain', error: worst.error };
  return { kind: 'refused', transient, error: worst.error };
}
