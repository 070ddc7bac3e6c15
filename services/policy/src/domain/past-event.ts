import type { callCompleted, callDispatched } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import { recordedCall, type IntentData, type RecordedCall } from './recorded-call.js';

/** What the log tells of a call, as far as decisions on later calls may depend on it. */
export type PastEvent = Decided | Sent | Found;

interface Place {
  /** Unix milliseconds. */
  readonly time: number;
  /** Ascends within a session, where there is more than one in a millisecond. */
  readonly number: number;
}

export interface Decided extends Place {
  readonly happened: 'decided';
  readonly call: RecordedCall;
}

/** A held call was approved, and is sent. */
export interface Sent extends Place {
  readonly happened: 'sent';
  readonly call: string;
}

/** A result had findings. */
export interface Found extends Place {
  readonly happened: 'found';
  readonly call: string;
  readonly session: string;
  /** Of the detectors. */
  readonly rules: readonly string[];
}

/** An event of `customhouse.calls`, in the current version. */
export interface LoggedEvent {
  readonly type: string;
  readonly data: unknown;
  /** The session. */
  readonly key: string;
  readonly position: { readonly partition: number; readonly offset: number };
  /** Set when this program does not understand it. */
  readonly foreign?: string;
}

const always: ReadonlySet<string> = new Set(['call.admitted', 'call.refused', 'call.held', 'call.dispatched']);

/** Whether later decisions may depend on what the event tells. Those that this version does not understand are passed over. */
export function tellsOfPast({ type, data, foreign }: LoggedEvent): boolean {
  if (foreign !== undefined) return false;
  return always.has(type) || (type === 'call.completed' && (data as EventData<typeof callCompleted>).findings.length > 0);
}

const partitions = 4_096;

/** What an event tells, of which `tellsOfPast` is true. `time`: that of the event, in Unix milliseconds. */
export function pastEvent({ type, data, key, position }: LoggedEvent, time: number): PastEvent {
  const place = { time, number: position.offset * partitions + position.partition };
  if (type === 'call.dispatched') return { ...place, happened: 'sent', call: (data as EventData<typeof callDispatched>).call };
  if (type !== 'call.completed') return { ...place, happened: 'decided', call: recordedCall(data as IntentData, time) };
  const { call, findings } = data as EventData<typeof callCompleted>;
  return { ...place, happened: 'found', call, session: key, rules: [...new Set(findings.map(({ rule }) => rule))] };
}
