import type { StoredRecord } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { rowsOf, type Tx } from './sql.js';

/** An event of a batch, and where it was read from. */
export interface Read {
  readonly event: StoredEvent;
  readonly record: StoredRecord;
}

/** A record that cannot be processed. */
export interface Dead {
  readonly record: StoredRecord;
  readonly reason: string;
}

export interface Batch {
  readonly events: readonly Read[];
  readonly dead: readonly Dead[];
}

export interface ReadOptions {
  readonly decode: (record: StoredRecord) => StoredEvent;
  /** Default: all. */
  readonly wants?: (event: StoredEvent) => boolean;
}

/** The events that are wanted, and the records that cannot be read. */
export function readBatch(records: readonly StoredRecord[], { decode, wants }: ReadOptions): Batch {
  const events: Read[] = [];
  const dead: Dead[] = [];
  for (const record of records) {
    try {
      const event = decode(record);
      if (wants === undefined || wants(event)) events.push({ event, record });
    } catch (error) {
      dead.push({ record, reason: messageOf(error) });
    }
  }
  return { events, dead };
}

/** Those that the group has not processed before, which are noted as such, by one statement. */
export async function withoutProcessed(tx: Tx, group: string, read: readonly Read[]): Promise<readonly Read[]> {
  if (read.length === 0) return read;
  const sql = 'insert into processed_events (group_name, event_id) select distinct $1, id from unnest($2::text[]) as id on conflict do nothing returning event_id';
  const inserted = new Set((await rowsOf<{ event_id: string }>(tx, sql, [group, read.map(({ event }) => event.id)])).map((row) => row.event_id));
  // `delete` answers true once for each id, so a duplicate inside the batch is dropped as well.
  return read.filter(({ event }) => inserted.delete(event.id));
}

export function recordOf(events: readonly Read[], event: StoredEvent): StoredRecord {
  const found = events.find((candidate) => candidate.event === event);
  if (!found) throw new Error(`the event ${event.id} is not of this batch`);
  return found.record;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
