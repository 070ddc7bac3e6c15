import type { Job } from './job.js';

export interface QueueLimits {
  /** Refuse when this many bytes wait. */
  readonly queue_bytes: number;
  /** Refuse when the oldest has waited this long. */
  readonly queue_age_ms: number;
  /** A batch holds at most this many bytes, unless one job alone is larger. */
  readonly batch_bytes: number;
  readonly batch_records: number;
}

/** What waits for the batch in flight. */
export class Queue {
  private jobs: Job[] = [];
  private first = 0;
  private waiting_bytes = 0;

  constructor(private readonly limits: QueueLimits) {}

  get bytes(): number {
    return this.waiting_bytes;
  }

  get length(): number {
    return this.jobs.length - this.first;
  }

  /** Why nothing more can be taken now, if so. */
  full(now: number): string | undefined {
    if (this.waiting_bytes >= this.limits.queue_bytes) return `${this.waiting_bytes} bytes wait for the log already (limit ${this.limits.queue_bytes})`;
    const oldest = this.jobs[this.first];
    if (oldest !== undefined && now - oldest.queued > this.limits.queue_age_ms)
      return `the oldest record has waited for the log for ${Math.round(now - oldest.queued)} ms (limit ${this.limits.queue_age_ms})`;
    return undefined;
  }

  push(job: Job): void {
    this.jobs.push(job);
    this.waiting_bytes += job.bytes;
  }

  /** Puts a batch that was refused for now back to where it was. */
  putBack(jobs: readonly Job[]): void {
    this.jobs = [...jobs, ...this.jobs.slice(this.first)];
    this.first = 0;
    for (const job of jobs) this.waiting_bytes += job.bytes;
  }

  /** The next batch, in order. Jobs that were given up in the meantime are left out. */
  take(): readonly Job[] {
    const batch: Job[] = [];
    let bytes = 0;
    let records = 0;
    while (this.first < this.jobs.length) {
      const job = this.jobs[this.first]!;
      if (!job.done) {
        if (batch.length > 0 && (bytes + job.bytes > this.limits.batch_bytes || records + job.drafts.length > this.limits.batch_records)) break;
        batch.push(job);
        bytes += job.bytes;
        records += job.drafts.length;
      }
      this.first += 1;
      this.waiting_bytes -= job.bytes;
    }
    if (this.first === this.jobs.length) {
      this.jobs = [];
      this.first = 0;
    }
    return batch;
  }

  /** Refuses the jobs whose deadline has passed; with Infinity all of them. */
  expire(now: number, message: (job: Job) => string): void {
    let expired = false;
    for (let index = this.first; index < this.jobs.length; index += 1) {
      const job = this.jobs[index]!;
      if (job.done || job.deadline > now) continue;
      expired = true;
      job.refuse(message(job));
    }
    if (!expired) return;
    this.jobs = this.jobs.slice(this.first).filter((job) => !job.done);
    this.first = 0;
    this.waiting_bytes = this.jobs.reduce((sum, job) => sum + job.bytes, 0);
  }
}
