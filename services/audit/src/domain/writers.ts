import type { Responsible } from './call-record.js';

/**
 * A clock that only runs while the log takes events. Silence is measured by it, so that an outage of the log, in which nobody can give a
 * sign of life, is no silence of anybody.
 */
export interface LogClock {
  /** When the log accepted the newest event of `customhouse.sources`, by its own clock, in Unix milliseconds. */
  readonly newest: number;
  /** Milliseconds for which the log has been taking events. */
  readonly active: number;
}

/** A process that writes, as far as its events tell. */
export interface Writer {
  readonly instance: string;
  /** Epoch in which the living process started. Older epochs are of processes that are gone. */
  readonly run: string;
  /** The newest epoch that was seen. */
  readonly epoch: string;
  /** The newest epoch was closed in order. */
  readonly closed: boolean;
  /** What the log clock showed when its last event was read. */
  readonly seen: number;
}

/** A sign of life: any event that a writer chained. */
export interface Sign {
  readonly instance: string;
  readonly epoch: string;
  readonly kind: 'start' | 'new-epoch' | 'closed' | 'other';
}

/** With heartbeats every 5 seconds, a longer gap between two of them is an outage. */
export const longestTick_ms = 10_000;

export function advance(clock: LogClock, appended: number): LogClock {
  if (appended <= clock.newest) return clock;
  const tick = clock.newest === 0 ? 0 : Math.min(appended - clock.newest, longestTick_ms);
  return { newest: appended, active: clock.active + tick };
}

/** What is known of a writer after another sign of life. Signs of one epoch may come twice and, over several topics, in any order. */
export function hear(writer: Writer | undefined, sign: Sign, clock: LogClock): Writer {
  const known = writer ?? { instance: sign.instance, run: '0', epoch: sign.epoch, closed: false, seen: clock.active };
  const newer = isNewer(sign.epoch, known.epoch);
  return {
    instance: known.instance,
    // A chain that begins anew because of an indeterminate batch is still the same process, which ends its own calls.
    run: sign.kind === 'start' && isNewer(sign.epoch, known.run) ? sign.epoch : known.run,
    epoch: newer ? sign.epoch : known.epoch,
    closed: newer ? sign.kind === 'closed' : known.closed || (sign.kind === 'closed' && sign.epoch === known.epoch),
    seen: Math.max(known.seen, clock.active),
  };
}

/** Whether a process can write no more: closed in order, started anew under its name, or silent for too long. Unknown ones are taken for alive. */
export function isGone(responsible: Responsible, writer: Writer | undefined, clock: LogClock, silence_ms: number): boolean {
  if (!writer) return false;
  if (isNewer(writer.run, responsible.epoch)) return true;
  if (writer.closed && !isNewer(responsible.epoch, writer.epoch)) return true;
  return clock.active - writer.seen >= silence_ms;
}

/** Epochs are Unix milliseconds as text. What is no number is never newer. */
function isNewer(epoch: string, than: string): boolean {
  return Number(epoch) > Number(than);
}
