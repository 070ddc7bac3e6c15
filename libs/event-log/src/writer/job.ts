import { LogIndeterminate, LogRefused, type RecordedEvent } from '../sink.js';
import type { Draft } from './draft.js';

/** Why a record was not stored: refused for now, refused for good, or nobody knows. */
export interface Failure {
  readonly kind: 'transient' | 'refused' | 'indeterminate';
  readonly error: Error;
}

const severity = { transient: 0, refused: 1, indeterminate: 2 };

/** What one caller wants written: usually one event. */
export class Job {
  /** A RecordedEvent when there is one draft and `many` is false; an array of them otherwise. */
  readonly promise: Promise<unknown>;
  readonly bytes: number;
  /** Filled in while its batch is answered. */
  recorded: RecordedEvent[] = [];
  failure: Failure | undefined;
  done = false;
  private resolve!: (recorded: unknown) => void;
  private reject!: (error: Error) => void;

  /** Times in milliseconds of `performance.now()`. */
  constructor(
    readonly drafts: readonly Draft[],
    readonly queued: number,
    readonly deadline: number,
    private readonly many: boolean,
  ) {
    let bytes = 0;
    for (const draft of drafts) bytes += draft.bytes;
    this.bytes = bytes;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Tells the caller what became of it. */
  settle(): void {
    if (this.done) return;
    const { failure } = this;
    if (failure === undefined) {
      this.done = true;
      this.resolve(this.many ? this.recorded : this.recorded[0]);
    } else if (failure.kind !== 'indeterminate' && this.recorded.length === 0) this.refuse(failure.error.message, failure.error);
    // Where part of it was stored, "certainly not in the log" would be wrong.
    else this.doubt(failure.error.message, failure.error);
  }

  refuse(message: string, cause?: Error): void {
    if (this.done) return;
    this.done = true;
    this.reject(new LogRefused(message, { cause }));
  }

  doubt(message: string, cause?: Error): void {
    if (this.done) return;
    this.done = true;
    this.reject(new LogIndeterminate(message, { cause }));
  }

  /** The worst of its records decides. */
  fail(failure: Failure): void {
    if (this.failure === undefined || severity[failure.kind] > severity[this.failure.kind]) this.failure = failure;
  }

  /** True when all of it was refused and may be taken later. Forgets the refusal then. */
  retriable(): boolean {
    if (this.done || this.failure?.kind !== 'transient' || this.recorded.length > 0) return false;
    this.failure = undefined;
    return true;
  }
}
