import { wireType } from '@customhouse/events/catalogue';
import type { LogRecord } from '@customhouse/event-log/port';
import type { NewEvent } from '@customhouse/event-log/sink';
import { canonicalise } from '@customhouse/kernel/canonical';
import { newUlid } from './new-ulid.js';
import type { Tx } from './sql.js';

/** Channel that wakes the relays; the payload is the schema. */
export const outboxChannel = 'customhouse_outbox';

/** An entry that the log would refuse for ever would block everything behind it, so it is refused when it is written. */
export const outboxEntryLimit_bytes = 7_500_000;

/** The data does not fit the event's schema or is too large. Nothing was written. */
export class OutboxEntryRefused extends Error {
  override readonly name = 'OutboxEntryRefused';
}

/** An event whose id is decided, so that sending it twice is seen. */
export type IdentifiedEvent = NewEvent & { readonly id: string; readonly time: number };

/**
 * Puts what must reach the log next to what a transaction writes. The relay ships it after the commit, in the order in which
 * it was written; events of one key keep their order when the transactions that write them exclude each other (by a stream
 * version or a row lock taken before).
 */
export class Outbox {
  /** Events of any topic, state topics included. Answers them with their ids. Throws OutboxEntryRefused. */
  async publish(tx: Tx, events: readonly NewEvent[]): Promise<readonly IdentifiedEvent[]> {
    const identified = events.map(identify);
    await insert(
      tx,
      identified.map((event) => ({
        kind: 'event',
        topic: event.declaration.topic,
        key: event.key,
        event_id: event.id,
        wire_type: wireType(event.declaration),
        subject: event.subject,
        data: dataText(event),
        cause: event.cause,
        traceparent: event.traceparent,
        created_ms: event.time,
      })),
    );
    return identified;
  }

  /** Removes keys of a state topic. */
  async remove(tx: Tx, topic: string, keys: readonly string[]): Promise<void> {
    await insert(
      tx,
      keys.map((key) => ({ kind: 'removal', topic, key })),
    );
  }

  /** Records that are no events of the catalogue, as they are. Throws OutboxEntryRefused. */
  async publishRaw(tx: Tx, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) refuseLarge(record.value?.length ?? 0, `a record for ${record.topic}`);
    await insert(
      tx,
      records.map((record) => ({ kind: 'raw', topic: record.topic, key: record.key, value: record.value, headers: JSON.stringify(record.headers) })),
    );
  }
}

/** Decides the id and the time of an event that has none yet. */
export function identify(event: NewEvent): IdentifiedEvent {
  return { ...event, id: event.id ?? newUlid(), time: event.time ?? Date.now() };
}

/** The canonical text of an event's data, after its schema has accepted it. Throws OutboxEntryRefused. */
export function dataText(event: NewEvent): string {
  const checked = event.declaration.schema.safeParse(event.data);
  if (!checked.success)
    throw new OutboxEntryRefused(
      `the data of ${event.declaration.type} does not fit its schema: ${checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    );
  const text = canonicalise(event.data);
  refuseLarge(Buffer.byteLength(text), `the data of ${event.declaration.type}`);
  return text;
}

function refuseLarge(bytes: number, what: string): void {
  if (bytes > outboxEntryLimit_bytes) throw new OutboxEntryRefused(`${what} has ${bytes} bytes; the limit is ${outboxEntryLimit_bytes}`);
}

const columns = ['kind', 'topic', 'key', 'event_id', 'wire_type', 'subject', 'data', 'cause', 'traceparent', 'created_ms', 'value', 'headers'] as const;
const types = ['text', 'text', 'text', 'text', 'text', 'text', 'text', 'text', 'text', 'bigint', 'bytea', 'text'] as const;

type Entry = { readonly [Name in (typeof columns)[number]]?: unknown };

async function insert(tx: Tx, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  const lists = columns.map((column) => entries.map((entry) => entry[column] ?? null));
  const source = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const names = columns.join(', ');
  // `ordinality` keeps the caller's order in the sequence.
  await tx.query(`insert into outbox (${names}) select ${names} from unnest(${source}) with ordinality as entry(${names}, place) order by place`, lists);
  await tx.query('select pg_notify($1, current_schema())', [outboxChannel]);
}
