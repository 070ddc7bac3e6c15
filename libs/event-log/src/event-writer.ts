import { sourceClosed, sourceHeartbeat, sourceStarted } from '@customhouse/events/source/events';
import type { EventDeclaration } from '@customhouse/events/catalogue';
import type { EventLog, LogRecord, Position } from './port.js';
import { LogRefused, type EventSink, type NewEvent, type RecordedEvent } from './sink.js';
import { decodeDraft, encodeDraft } from './spool/entry.js';
import type { Spool, SpoolEntry } from './spool/spool.js';
import { BackOff } from './writer/back-off.js';
import { Chain } from './writer/chain.js';
import { draftEvent, draftRaw, draftWithSequence, type Draft } from './writer/draft.js';
import { Job } from './writer/job.js';
import { Queue, type QueueLimits } from './writer/queue.js';
import { Sender, type Sent } from './writer/sender.js';

export interface EventWriterOptions {
  readonly log: EventLog;
  readonly service: string;
  /** Unique among living processes. */
  readonly instance: string;
  /** How long a caller waits for durability unless it says otherwise, and how long a batch may take. Default 2000. */
  readonly timeout_ms?: number;
  readonly limits?: Partial<QueueLimits>;
  /** `source.heartbeat` this often. Default 5000. */
  readonly heartbeat_ms?: number;
  /** For `appendOrSpool`. What it holds is shipped before anything new. Closed by its owner, after the writer. */
  readonly spool?: Spool;
  /** An epoch that this instance is known to have used: the new one is later, whatever the clock says. */
  readonly epochFloor?: number;
  /** Told what goes wrong and is being handled. It would be silent otherwise. */
  readonly onProblem?: (problem: string, error: unknown) => void;
}

/** Where an outcome is safe now. */
export type Kept = { readonly where: 'log'; readonly recorded: RecordedEvent } | { readonly where: 'spool'; readonly id: string };

export const writerDefaults = { timeout_ms: 2000, heartbeat_ms: 5000, queue_bytes: 64 * 1024 * 1024, queue_age_ms: 5000, batch_bytes: 1024 * 1024, batch_records: 1000 };

/** How often deadlines are looked at: one timer for all callers. */
const sweep_ms = 20;

type Condition =
  /** Nothing is sent but the writer's own events, until one of them is acknowledged. */
  | { readonly name: 'shut'; readonly because: string }
  | { readonly name: 'open' }
  /** The log has contradicted itself. Only a new process writes again. */
  | { readonly name: 'stopped'; readonly because: string }
  | { readonly name: 'closed'; readonly because: string };

/** What the next request carries. */
interface Batch {
  readonly jobs: readonly Job[];
  readonly kind: 'queue' | 'probe' | 'spool';
  readonly entries: readonly SpoolEntry[];
}

/**
 * The one writer of a process. One batch is in flight; what queues in the meantime is the next one. Events get their chain
 * and their bytes when their batch is made, so the order of the chain is the order of the log.
 */
export class EventWriter implements EventSink {
  readonly instance: string;
  private readonly chain: Chain;
  private readonly sender: Sender;
  private readonly queue: Queue;
  private readonly limits: QueueLimits;
  private readonly timeout_ms: number;
  private readonly backOff = new BackOff();
  private condition: Condition = { name: 'shut', because: 'the writer has only just started' };
  private inFlight: Batch | undefined;
  private turnIsDue = false;
  private started = false;
  private starting: Promise<void> | undefined;
  private pause: NodeJS.Timeout | undefined;
  private sweeper: NodeJS.Timeout | undefined;
  private heart: NodeJS.Timeout | undefined;
  private closing: Promise<void> | undefined;
  private readonly onOpen: (() => void)[] = [];

  constructor(private readonly options: EventWriterOptions) {
    this.instance = options.instance;
    this.limits = { ...writerDefaults, ...options.limits };
    this.timeout_ms = options.timeout_ms ?? writerDefaults.timeout_ms;
    this.chain = new Chain(Date.now(), options.epochFloor);
    this.sender = new Sender(options.log, { instance: options.instance, source: `customhouse/${options.service}/${options.instance}` }, this.chain, Date.now);
    this.queue = new Queue(this.limits);
  }

  get epoch(): string {
    return this.chain.epoch;
  }

  get writable(): boolean {
    const { spool } = this.options;
    return (
      this.condition.name === 'open' &&
      this.closing === undefined &&
      (spool === undefined || (spool.waiting === 0 && spool.accepting)) &&
      this.queue.full(performance.now()) === undefined
    );
  }

  /** Why nothing can be written now; undefined while the writer is open. For readiness and for messages. */
  get problem(): string | undefined {
    return this.condition.name === 'open' ? undefined : this.condition.because;
  }

  /** What waits, for metrics. */
  get backlog(): { readonly jobs: number; readonly bytes: number; readonly spooled: number; readonly spooled_bytes: number } {
    return { jobs: this.queue.length, bytes: this.queue.bytes, spooled: this.options.spool?.waiting ?? 0, spooled_bytes: this.options.spool?.bytes ?? 0 };
  }

  /** Begins the chain. Resolves when its first event is durable, however long that takes: the log is tried until it works. */
  async start(): Promise<void> {
    this.starting ??= this.begin();
    await this.starting;
    if (this.condition.name === 'shut') await new Promise<void>((resolve) => this.onOpen.push(resolve));
    if (this.condition.name !== 'open') throw new LogRefused(this.condition.because);
  }

  append<D extends EventDeclaration>(event: NewEvent<D>, options?: { readonly timeout_ms?: number }): Promise<RecordedEvent> {
    try {
      return this.enqueue([draftEvent(event, Date.now())], options?.timeout_ms, false) as Promise<RecordedEvent>;
    } catch (error) {
      return Promise.reject(refusal(error));
    }
  }

  async appendAll(events: readonly NewEvent[], options?: { readonly timeout_ms?: number }): Promise<readonly RecordedEvent[]> {
    if (events.length === 0) return [];
    let drafts: Draft[];
    try {
      drafts = events.map((event) => draftEvent(event, Date.now()));
    } catch (error) {
      throw refusal(error);
    }
    return (await this.enqueue(drafts, options?.timeout_ms, true)) as readonly RecordedEvent[];
  }

  async appendRaw(records: readonly LogRecord[], options?: { readonly timeout_ms?: number }): Promise<readonly Position[]> {
    if (records.length === 0) return [];
    const recorded = (await this.enqueue(records.map(draftRaw), options?.timeout_ms, true)) as readonly RecordedEvent[];
    return recorded.map(({ position }) => position);
  }

  async remove(topic: string, key: string, options?: { readonly timeout_ms?: number }): Promise<void> {
    await this.enqueue([draftRaw({ topic, key, value: null, headers: {} })], options?.timeout_ms, false);
  }

  /**
   * For what must not be lost because it has already happened. Resolves when the event is durable in the log or, while the
   * log does not take it, in the spool on disk, which is shipped first as soon as the log is back. Rejects when neither works.
   */
  async appendOrSpool<D extends EventDeclaration>(event: NewEvent<D>, options?: { readonly timeout_ms?: number }): Promise<Kept> {
    let draft: Draft;
    try {
      draft = draftEvent(event, Date.now());
    } catch (error) {
      throw refusal(error);
    }
    const { spool } = this.options;
    // What was spooled earlier goes first, so nothing overtakes it on the way to the log.
    if (spool === undefined || (this.condition.name === 'open' && spool.waiting === 0)) {
      try {
        return { where: 'log', recorded: (await this.enqueue([draft], options?.timeout_ms, false)) as RecordedEvent };
      } catch (error) {
        if (spool === undefined) throw error;
      }
    }
    const unfit = this.sender.unfit(draft);
    if (unfit !== undefined) throw new LogRefused(unfit.message, { cause: unfit });
    await spool.append(encodeDraft(draft));
    this.wake();
    return { where: 'spool', id: draft.event!.id };
  }

  /** Writes what waits and ends the chain with `source.closed`, within the time-out; what could not be written is refused. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async begin(): Promise<void> {
    if (this.options.spool !== undefined) await this.setAsideForeign(this.options.spool);
    this.started = true;
    this.heart = setInterval(() => this.beat(), this.options.heartbeat_ms ?? writerDefaults.heartbeat_ms).unref();
    this.wake();
  }

  /** What a different version left in the spool and this one cannot read is kept for a person. */
  private async setAsideForeign(spool: Spool): Promise<void> {
    const foreign = spool.oldest({ records: Infinity, bytes: Infinity }).filter((entry) => {
      try {
        decodeDraft(entry.payload);
        return false;
      } catch (error) {
        this.options.onProblem?.('a record in the spool cannot be understood and is kept aside', error);
        return true;
      }
    });
    await spool.setAside(foreign);
  }

  private enqueue(drafts: readonly Draft[], timeout_ms: number | undefined, many: boolean): Promise<unknown> {
    const now = performance.now();
    const job = new Job(drafts, now, now + (timeout_ms ?? this.timeout_ms), many);
    const problem = this.closedTo(job, now);
    if (problem === undefined) this.accept(job);
    else job.refuse(problem);
    return job.promise;
  }

  private closedTo(job: Job, now: number): string | undefined {
    if (this.closing !== undefined) return 'this process is closing its log';
    if (this.condition.name === 'stopped' || this.condition.name === 'closed') return this.condition.because;
    if (job.drafts.length > 1 && (job.bytes > this.limits.batch_bytes || job.drafts.length > this.limits.batch_records)) {
      return `${job.drafts.length} records of ${job.bytes} bytes are too many for one batch (limits ${this.limits.batch_records} and ${this.limits.batch_bytes})`;
    }
    return this.queue.full(now);
  }

  private accept(job: Job): void {
    this.queue.push(job);
    this.sweeper ??= setInterval(() => this.sweep(), sweep_ms);
    this.wake();
  }

  /** A turn on the next round of the event loop, so that everything that is ready now shares a batch. */
  private wake(): void {
    if (this.turnIsDue || this.inFlight !== undefined || this.pause !== undefined || !this.started) return;
    this.turnIsDue = true;
    setImmediate(() => {
      this.turnIsDue = false;
      this.turn().catch((error: unknown) => this.halt(`the writer failed: ${error instanceof Error ? error.message : String(error)}`, error));
    });
  }

  private async turn(): Promise<void> {
    const batch = this.nextBatch();
    if (batch === undefined) return;
    this.inFlight = batch;
    const sent = await this.sender.send(batch.jobs, this.timeout_ms);
    this.inFlight = undefined;
    if (batch.kind === 'spool') await this.afterSpool(batch);
    const again = this.adjust(sent, batch);
    for (const job of batch.jobs) if (!again.has(job)) job.settle();
    this.wake();
  }

  private nextBatch(): Batch | undefined {
    if (this.condition.name === 'shut') return { jobs: [this.probe()], kind: 'probe', entries: [] };
    if (this.condition.name !== 'open') return undefined;
    if ((this.options.spool?.waiting ?? 0) > 0) return this.spoolBatch(this.options.spool!);
    const jobs = this.queue.take();
    return jobs.length === 0 ? undefined : { jobs, kind: 'queue', entries: [] };
  }

  private spoolBatch(spool: Spool): Batch {
    const entries = spool.oldest({ records: this.limits.batch_records, bytes: this.limits.batch_bytes });
    const jobs = entries.map((entry) => this.ownJob(decodeDraft(entry.payload)));
    return { jobs, kind: 'spool', entries };
  }

  /** The writer's own event that finds out whether the log works: the first of a new chain, or a heartbeat of the old one. */
  private probe(): Job {
    const { beginning, epoch } = this.chain;
    if (beginning === undefined) return this.ownJob(this.heartbeat());
    return this.ownJob(
      draftEvent({ declaration: sourceStarted, ...this.place(), data: { ...this.self(), epoch, reason: beginning.reason, previous: beginning.previous } }, Date.now()),
    );
  }

  private heartbeat(): Draft {
    return draftWithSequence(sourceHeartbeat, this.place(), (sequence) => ({ ...this.self(), epoch: this.epoch, sequence }), Date.now());
  }

  private self(): { service: string; instance: string } {
    return { service: this.options.service, instance: this.instance };
  }

  private place(): { subject: string; key: string } {
    return { subject: `source-${this.instance}`, key: this.instance };
  }

  /** A job that nobody else waits for. Its failure is seen in the condition of the writer. */
  private ownJob(draft: Draft): Job {
    const now = performance.now();
    const job = new Job([draft], now, Infinity, false);
    job.promise.catch(() => undefined);
    return job;
  }

  /** What the answer says about the log. Returns the jobs that were put back into the queue. */
  private adjust(sent: Sent, batch: Batch): ReadonlySet<Job> {
    const now = performance.now();
    const none = new Set<Job>();
    if (sent.kind === 'contradicted') this.halt(sent.error.message, sent.error);
    if (this.condition.name === 'stopped' || this.condition.name === 'closed') return none;
    const stuck = batch.kind === 'spool' ? batch.jobs.find((job) => job.failure !== undefined)?.failure : undefined;
    if (sent.kind === 'stored' && stuck === undefined) {
      this.backOff.worked(now);
      if (this.condition.name === 'shut') this.open();
      return none;
    }
    // The log works and will not take this: its callers are told, and the others go on.
    if (sent.kind === 'refused' && !sent.transient && batch.kind === 'queue') return none;
    const again = batch.kind === 'queue' ? batch.jobs.filter((job) => job.retriable()) : [];
    this.queue.putBack(again);
    this.shut(sent.kind === 'stored' ? stuck!.error : sent.error, now);
    return new Set(again);
  }

  private open(): void {
    this.condition = { name: 'open' };
    for (const opened of this.onOpen.splice(0)) opened();
  }

  /** Waits before the log is tried again: ten clients that try at full speed keep a broker from starting. */
  private shut(error: Error, now: number): void {
    if (this.condition.name === 'open') this.options.onProblem?.('the log does not take events; trying again', error);
    this.condition = { name: 'shut', because: error.message };
    this.pause = setTimeout(
      () => {
        this.pause = undefined;
        this.wake();
      },
      this.backOff.failed(now, Math.random()),
    );
  }

  /** Entries that are in the log leave the spool. One that the log will not take stays, and keeps the writer from being writable: it must not be dropped silently. */
  private async afterSpool(batch: Batch): Promise<void> {
    const shipped = batch.entries.filter((_, index) => batch.jobs[index]!.failure === undefined);
    await this.options
      .spool!.shipped(shipped)
      .catch((error: unknown) => this.options.onProblem?.('a shipped spool file could not be deleted; it is shipped again at the next start', error));
  }

  private halt(because: string, error: unknown): void {
    this.options.onProblem?.('the writer has stopped for good; the process must be restarted', error);
    this.condition = { name: 'stopped', because };
    for (const job of this.inFlight?.jobs ?? []) job.doubt(because);
    this.inFlight = undefined;
    this.queue.expire(Infinity, () => because);
    for (const opened of this.onOpen.splice(0)) opened();
  }

  private sweep(): void {
    const now = performance.now();
    const why = (): string => (this.condition.name === 'open' ? 'the log is slow' : this.condition.because);
    this.queue.expire(now, (job) => `not written within ${Math.round(job.deadline - job.queued)} ms: ${why()}`);
    for (const job of this.inFlight?.jobs ?? []) {
      if (job.deadline <= now) job.doubt(`not acknowledged within ${Math.round(job.deadline - job.queued)} ms`);
    }
    if (this.queue.length > 0 || this.inFlight !== undefined) return;
    clearInterval(this.sweeper);
    this.sweeper = undefined;
  }

  private beat(): void {
    this.options.spool?.heal().catch((error: unknown) => this.options.onProblem?.('the spool cannot be checked', error));
    if (this.condition.name !== 'open' || this.queue.full(performance.now()) !== undefined) return;
    const job = this.ownJob(this.heartbeat());
    this.queue.push(job);
    this.wake();
  }

  private async end(): Promise<void> {
    clearInterval(this.heart);
    const last = draftWithSequence(sourceClosed, this.place(), (sequence) => ({ ...this.self(), epoch: this.epoch, sequence }), Date.now());
    const now = performance.now();
    const job = new Job([last], now, now + this.timeout_ms, false);
    if (this.started && (this.condition.name === 'open' || this.condition.name === 'shut')) {
      this.accept(job);
      await job.promise.catch((error: unknown) => this.options.onProblem?.('the chain could not be closed in order', error));
    }
    clearTimeout(this.pause);
    clearInterval(this.sweeper);
    const because = 'this process has closed its log';
    this.condition = { name: 'closed', because };
    for (const late of this.inFlight?.jobs ?? []) late.doubt(because);
    this.queue.expire(Infinity, () => because);
    for (const opened of this.onOpen.splice(0)) opened();
  }
}

function refusal(error: unknown): LogRefused {
  return new LogRefused(`the event cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
