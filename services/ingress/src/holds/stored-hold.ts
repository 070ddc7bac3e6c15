import { callHeld } from '@customhouse/events/call/events';
import { decode, UndecodableRecord } from '@customhouse/event-log/decode';
import { PositionGone, type EventLog, type Position } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { HeldData } from './hold.js';

/** A held call as it is in the log. */
export interface StoredHold {
  readonly data: HeldData;
  readonly traceparent: string | undefined;
}

/** Reads a held call. Undefined when there is none at this position, and never will be. Rejects when the log cannot be read. */
export async function readHeld(log: EventLog, position: Position): Promise<StoredHold | undefined> {
  const event = await readEvent(log, position);
  if (event?.type !== callHeld.type || event.foreign !== undefined) return undefined;
  return { data: event.data as HeldData, traceparent: event.envelope.traceparent };
}

/** Reads one event. Undefined when the position holds none. Rejects when the log cannot be read. */
export async function readEvent(log: EventLog, position: Position): Promise<StoredEvent | undefined> {
  try {
    const record = await log.read(position);
    return record && decode(record);
  } catch (error) {
    if (error instanceof UndecodableRecord || error instanceof PositionGone) return undefined;
    throw error;
  }
}
