import { wireType } from '@customhouse/events/catalogue';
import type { NewEvent } from '@customhouse/event-log/sink';
import { currentData } from './current-data.js';
import { Outbox, dataText, identify, type IdentifiedEvent } from './outbox.js';
import { rowsOf, type Tx } from './sql.js';

/** Somebody else appended to the stream first: load it again and decide again. `inTransaction` does so by itself. */
export class StreamConflict extends Error {
  override readonly name = 'StreamConflict';
  /** SQLSTATE of a serialization failure, because it is one. */
  readonly code = '40001';
  constructor(
    readonly stream: string,
    readonly expected: number,
    options?: ErrorOptions,
  ) {
    super(`the stream ${stream} is not at version ${expected}`, options);
  }
}

/** One event of a stream, in the current version of its type. */
export interface StreamEvent<Data = unknown> {
  readonly id: string;
  /** From 1. */
  readonly version: number;
  /** `approval.request.opened`. */
  readonly type: string;
  readonly data: Data;
  /** Unix milliseconds, by the database's clock. */
  readonly recorded: number;
}

export interface LoadedStream {
  /** Version of the last event, 0 for a stream that does not exist. Give it to `append`. */
  readonly version: number;
  readonly events: readonly StreamEvent[];
}

interface StreamRow {
  readonly version: number;
  readonly event_id: string;
  readonly wire_type: string;
  readonly data: string;
  readonly recorded_at: Date;
}

/** A service's own event streams. They live in its schema and reach the log through the outbox. */
export class Streams {
  private readonly outbox = new Outbox();

  /**
   * Appends to a stream and to the outbox in the caller's transaction. `expected` is the version that the decision was made on.
   * Throws StreamConflict, after which the transaction can only be rolled back; throws OutboxEntryRefused for data that does not fit.
   */
  async append(tx: Tx, stream: string, expected: number, events: readonly NewEvent[]): Promise<readonly IdentifiedEvent[]> {
    const misplaced = events.find((event) => event.subject !== stream);
    if (misplaced) throw new Error(`an event of ${misplaced.subject} cannot be appended to ${stream}`);
    if (events.length === 0) return [];
    const identified = events.map(identify);
    // The stream's rows go first: a transaction that loses the race waits here, so outbox rows of one stream keep its order.
    await insertRows(tx, stream, expected, identified);
    return this.outbox.publish(tx, identified);
  }

  /** The events of a stream, oldest first: all of them, or those after a version whose state the caller has kept. */
  async load(tx: Tx, stream: string, after = 0): Promise<LoadedStream> {
    const sql = 'select version, event_id, wire_type, data, recorded_at from stream_events where stream = $1 and version > $2 order by version';
    const rows = await rowsOf<StreamRow>(tx, sql, [stream, after]);
    return { version: rows.at(-1)?.version ?? after, events: rows.map(toStreamEvent) };
  }
}

async function insertRows(tx: Tx, stream: string, expected: number, events: readonly IdentifiedEvent[]): Promise<void> {
  const sql = `
    insert into stream_events (stream, version, event_id, wire_type, data, cause)
    select $1, $2::int + place::int, entry.event_id, entry.wire_type, entry.data, entry.cause
    from unnest($3::text[], $4::text[], $5::text[], $6::text[]) with ordinality as entry(event_id, wire_type, data, cause, place)
    where (select coalesce(max(version), 0) from stream_events where stream = $1) = $2::int
    returning version`;
  const columns = [events.map((event) => event.id), events.map((event) => wireType(event.declaration)), events.map(dataText), events.map((event) => event.cause ?? null)];
  let inserted;
  try {
    inserted = await rowsOf(tx, sql, [stream, expected, ...columns]);
  } catch (error) {
    if ((error as { code?: unknown }).code === '23505') throw new StreamConflict(stream, expected, { cause: error });
    throw error;
  }
  if (inserted.length !== events.length) throw new StreamConflict(stream, expected);
}

function toStreamEvent(row: StreamRow): StreamEvent {
  const { type, data } = currentData(row.wire_type, row.data);
  return { id: row.event_id, version: row.version, type, data, recorded: row.recorded_at.getTime() };
}
