import type { Link } from './draft.js';

/** What is known of a chain that ended without `source.closed`. */
export interface Broken {
  readonly epoch: string;
  /** Every event up to this sequence is in the log. */
  readonly acknowledged: number;
  /** Events after `acknowledged` up to this one may be in the log or not. */
  readonly attempted: number;
}

/** Why the present chain begins. */
export interface Beginning {
  readonly reason: 'start' | 'indeterminate' | 'refused';
  readonly previous: Broken | null;
}

/**
 * The chain of one writer: each event carries the epoch, its place in it and the hash of the one before. A batch moves the
 * chain forward when it is sent, and back when all of it was certainly refused. When the fate of any part is different, the
 * epoch is over: the next one says what is known of it.
 */
export class Chain {
  /** Unix milliseconds as text; later epochs of an instance are larger numbers. */
  epoch: string;
  /** Why the epoch begins, until its first event is acknowledged. */
  beginning: Beginning | undefined = { reason: 'start', previous: null };
  private sequence = 0;
  private previous = '';
  private confirmed: { readonly sequence: number; readonly previous: string } = { sequence: 0, previous: '' };

  /** `floor`: an epoch that this instance is known to have used already. */
  constructor(now: number, floor = 0) {
    this.epoch = String(Math.max(now, floor + 1));
  }

  /** The last sequence that is known to be in the log, all before it included. */
  get acknowledged(): number {
    return this.confirmed.sequence;
  }

  /** The link for the next event. */
  next(): Link {
    return { epoch: this.epoch, sequence: this.sequence + 1, previous: this.previous };
  }

  /** The event with this hash was made from the last `next`. */
  advance(hash: string): void {
    this.sequence += 1;
    this.previous = hash;
  }

  /** Where the chain is now, for `reset`: to leave out events that cannot be sent after all. */
  mark(): { readonly sequence: number; readonly previous: string } {
    return { sequence: this.sequence, previous: this.previous };
  }

  reset(mark: { readonly sequence: number; readonly previous: string }): void {
    this.sequence = mark.sequence;
    this.previous = mark.previous;
  }

  /** Everything that was sent is in the log. */
  confirm(): void {
    this.confirmed = this.mark();
    if (this.sequence > 0) this.beginning = undefined;
  }

  /** Nothing of what was sent since the last confirmation is in the log, or ever will be. */
  rollBack(): void {
    this.reset(this.confirmed);
  }

  /**
   * Part of what was sent is not in the log, or perhaps not. `storedUpTo`: all events up to this sequence are in it. An epoch of
   * which nothing was ever acknowledged is passed over: the next beginning speaks of the one before it, and says by its
   * epoch that everything in between was never acknowledged.
   */
  breakOff(reason: 'indeterminate' | 'refused', storedUpTo: number, now: number): void {
    const previous = storedUpTo === 0 && this.beginning !== undefined ? this.beginning.previous : { epoch: this.epoch, acknowledged: storedUpTo, attempted: this.sequence };
    this.beginning = { reason: previous === null ? 'start' : reason, previous };
    this.epoch = String(Math.max(now, Number(this.epoch) + 1));
    this.confirmed = { sequence: 0, previous: '' };
    this.rollBack();
  }
}
