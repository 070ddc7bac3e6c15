import type { Approval } from '@customhouse/http-contract/approval';

/** Something that people have to be told about a request. */
export interface Notice {
  /** The same when it is told again. */
  readonly id: string;
  /** `voted`: somebody has approved, and others have to as well. */
  readonly kind: 'opened' | 'voted' | 'reminded' | 'escalated' | 'decided';
  readonly about: 'decision' | 'review';
  readonly tenant: string;
  /** As it is now. */
  readonly approval: Approval;
  /** Groups that are asked; none: everybody who may decide. */
  readonly groups: readonly string[];
}

/** A way of telling people: a chat, a webhook. */
export interface Notifier {
  /** One word, for metrics and for the table of what is waiting: `slack`. */
  readonly channel: string;
  /**
   * Tells it, at least once, and of one request in order. Throws NotDelivered; whatever else is thrown is tried again. `signal` fires
   * when the time for one attempt is over.
   */
  deliver(notice: Notice, signal: AbortSignal): Promise<void>;
}

/** A notice could not be delivered. `again`: a later attempt may succeed, not before `after_ms` where that is known. */
export class NotDelivered extends Error {
  override readonly name = 'NotDelivered';
  readonly again: boolean;
  readonly after_ms: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly again: boolean; readonly after_ms?: number }) {
    super(message, options);
    this.again = options.again;
    this.after_ms = options.after_ms;
  }
}

/** Injection token of `readonly Notifier[]`. */
export const NOTIFIERS = Symbol('Notifiers');
