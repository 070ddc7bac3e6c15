import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { sourceClosed, sourceStarted } from '@customhouse/events/source/events';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { advance, hear, type LogClock, type Sign, type Writer } from '../domain/writers.js';

const clockTopic = sourceStarted.topic;

interface WriterRow {
  readonly instance: string;
  readonly run: string;
  readonly epoch: string;
  readonly closed: boolean;
  readonly seen_ms: string;
}

/** Takes events as signs of life of their writers, in the order of one partition. Moves the log clock. */
export async function rememberSigns(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
  const chained = events.filter((event) => isName(event.envelope.instance) && isEpoch(event.envelope.epoch));
  if (chained.length === 0) return;
  let clock = await readClock(tx, 'for update');
  const writers = await readWriters(tx, [...new Set(chained.map((event) => event.envelope.instance!))]);
  for (const event of chained) {
    if (event.position.topic === clockTopic) clock = advance(clock, event.appended);
    const sign: Sign = { instance: event.envelope.instance!, epoch: event.envelope.epoch!, kind: kindOf(event) };
    writers.set(sign.instance, hear(writers.get(sign.instance), sign, clock));
  }
  await tx.query('update log_clock set newest_ms = $1, active_ms = $2', [clock.newest, clock.active]);
  await saveWriters(tx, [...writers.values()]);
}

export async function readClock(tx: Tx, lock: '' | 'for update' = ''): Promise<LogClock> {
  const row = await oneRow<{ newest_ms: string; active_ms: string }>(tx, `select newest_ms, active_ms from log_clock ${lock}`);
  return { newest: Number(row.newest_ms), active: Number(row.active_ms) };
}

export async function readWriters(tx: Tx, instances: readonly string[]): Promise<Map<string, Writer>> {
  const rows = await rowsOf<WriterRow>(tx, 'select instance, run, epoch, closed, seen_ms from writers where instance = any($1::text[])', [instances]);
  return new Map(rows.map((row) => [row.instance, { instance: row.instance, run: row.run, epoch: row.epoch, closed: row.closed, seen: Number(row.seen_ms) }]));
}

async function saveWriters(tx: Tx, writers: readonly Writer[]): Promise<void> {
  const sql = `
    insert into writers (instance, run, epoch, closed, seen_ms)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
    on conflict (instance) do update set run = excluded.run, epoch = excluded.epoch, closed = excluded.closed, seen_ms = excluded.seen_ms`;
  await tx.query(sql, [
    writers.map((writer) => writer.instance),
    writers.map((writer) => writer.run),
    writers.map((writer) => writer.epoch),
    writers.map((writer) => writer.closed),
    writers.map((writer) => writer.seen),
  ]);
}

function kindOf(event: StoredEvent): Sign['kind'] {
  if (event.type === sourceClosed.type) return 'closed';
  if (event.type !== sourceStarted.type) return 'other';
  return (event.data as { reason?: unknown } | null)?.reason === 'start' ? 'start' : 'new-epoch';
}

function isName(instance: unknown): instance is string {
  return typeof instance === 'string' && /^[\x21-\x7e]{1,200}$/.test(instance);
}

function isEpoch(epoch: unknown): epoch is string {
  return typeof epoch === 'string' && /^\d{1,16}$/.test(epoch);
}
