import { decode } from '@customhouse/event-log/decode';
import type { StoredRecord } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';

/** A row of the table `events`, as the driver reads it: bigints are text. */
export interface EventRow {
  readonly id: string;
  readonly number: string;
  readonly topic: string;
  readonly partition: number;
  readonly log_offset: string;
  readonly key: string;
  readonly appended_ms: string;
  readonly wire_type: string;
  readonly call: string | null;
  readonly bytes: Buffer;
}

export const eventColumns = 'id, number, topic, partition, log_offset, key, appended_ms, wire_type, call, bytes';

/** Keeps events as they are. Answers those that were not there before. */
export async function insertEvents(tx: Tx, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
  const sql = `
    insert into events (id, topic, partition, log_offset, key, appended_ms, wire_type, call, bytes)
    select id, topic, partition, log_offset, key, appended_ms, wire_type, call, bytes
    from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::bytea[]) with ordinality
      as entry(id, topic, partition, log_offset, key, appended_ms, wire_type, call, bytes, place)
    order by place on conflict (id) do nothing returning id`;
  const lists = [
    events.map((event) => event.id),
    events.map((event) => event.position.topic),
    events.map((event) => event.position.partition),
    events.map((event) => event.position.offset),
    events.map((event) => storableText(event.key)),
    events.map((event) => event.appended),
    events.map((event) => storableText(event.envelope.type)),
    events.map(callOf),
    events.map((event) => Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.byteLength)),
  ];
  const inserted = new Set((await rowsOf<{ id: string }>(tx, sql, lists)).map((row) => row.id));
  // `delete` answers true once for each id, so a duplicate inside the batch is dropped as well.
  return events.filter((event) => inserted.delete(event.id));
}

/** The call that an event is about, wherever its data says so. */
export function callOf(event: StoredEvent): string | null {
  const data = event.data as { call?: unknown; about?: { kind?: unknown; call?: unknown } } | null;
  const call = data?.call ?? (data?.about?.kind === 'call' ? data.about.call : undefined);
  return typeof call === 'string' && call.length <= 100 ? storableText(call) : null;
}

/** The event in a row. */
export function eventOf(row: EventRow): StoredEvent {
  return decode(recordOf(row));
}

function recordOf(row: EventRow): StoredRecord {
  return {
    topic: row.topic,
    key: row.key,
    value: row.bytes,
    headers: {},
    position: { topic: row.topic, partition: row.partition, offset: Number(row.log_offset) },
    appended: Number(row.appended_ms),
  };
}
