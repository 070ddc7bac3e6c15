import { catalogue } from '@customhouse/events/all';
import type { EventSummary, ExportedEvent } from '@customhouse/http-contract/audit';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { eventColumns, eventOf, type EventRow } from './event-rows.js';
import { withoutSealed } from './payloads.js';

/** The events about one call, as the ledger took them in: those of the call itself in the log's order, others among them. */
export async function eventsOfCall(tx: Tx, call: string): Promise<EventRow[]> {
  return rowsOf<EventRow>(tx, `select ${eventColumns} from events where call = $1 order by number limit 10000`, [call]);
}

export async function eventById(tx: Tx, id: string): Promise<StoredEvent | undefined> {
  const [row] = await rowsOf<EventRow>(tx, `select ${eventColumns} from events where id = $1`, [id]);
  return row && eventOf(row);
}

export interface EventFilter {
  readonly topic?: string;
  /** `call.refused`, or `call.` for all of a context. */
  readonly type?: string;
  readonly call?: string;
}

/** Events after a number, in order. Numbers are given in the order of commits, because one process at a time takes events in. */
export async function eventsAfter(tx: Tx, after: number, filter: EventFilter, limit: number): Promise<EventRow[]> {
  const parameters: unknown[] = [after];
  const parts = ['number > $1'];
  const add = (sql: (place: string) => string, value: unknown) => parts.push(sql(`$${parameters.push(value)}`));
  if (filter.topic !== undefined) add((place) => `topic = ${place}`, filter.topic);
  if (filter.call !== undefined) add((place) => `call = ${place}`, filter.call);
  if (filter.type !== undefined) add((place) => `starts_with(wire_type, ${place})`, `customhouse.${filter.type}${filter.type.endsWith('.') ? '' : '.v'}`);
  return rowsOf<EventRow>(tx, `select ${eventColumns} from events where ${parts.join(' and ')} order by number limit ${limit}`, parameters);
}

/** Number of the newest event, 0 when there is none. */
export async function newestNumber(tx: Tx): Promise<number> {
  const { newest } = await oneRow<{ newest: string | null }>(tx, 'select max(number) as newest from events');
  return Number(newest ?? 0);
}

export function summarise(row: EventRow): EventSummary {
  const event = eventOf(row);
  const { envelope } = event;
  return {
    number: Number(row.number),
    id: event.id,
    type: event.type,
    version: event.version,
    summary: event.foreign === undefined ? (catalogue.get(event.type)?.summary ?? null) : null,
    time: envelope.time,
    appended: timestamp(event.appended),
    subject: envelope.subject,
    call: row.call,
    source: envelope.source,
    instance: envelope.instance ?? null,
    epoch: envelope.epoch ?? null,
    sequence: envelope.sequence ?? null,
    position: event.position,
    data: withoutSealed(event.data),
  };
}

/** As it is in the log. Events whose JSON is not canonical (nobody of ours writes such) go as bytes, so that none is changed on the way. */
export function exportEvent(row: EventRow): ExportedEvent {
  const position = { topic: row.topic, partition: row.partition, offset: Number(row.log_offset) };
  const base = { number: Number(row.number), position, key: row.key, appended: timestamp(Number(row.appended_ms)) };
  const text = row.bytes.toString('utf8');
  const event = JSON.parse(text) as Record<string, unknown>;
  return isCanonical(event, text) ? { ...base, event } : { ...base, bytes: row.bytes.toString('base64') };
}

function isCanonical(value: unknown, text: string): boolean {
  try {
    return canonicalise(value) === text;
  } catch {
    return false;
  }
}
