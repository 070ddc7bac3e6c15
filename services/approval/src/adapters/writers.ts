import type { EventData } from '@customhouse/events/catalogue';
import type { sourceStarted } from '@customhouse/events/source/events';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import type { Hearing, Writer } from '../domain/liveness.js';

/** One sign of life: of which chain, and whether it was the last one. */
export type Sign = Pick<EventData<typeof sourceStarted>, 'service' | 'instance' | 'epoch'> & { readonly closed: boolean };

/** Remembers signs of life, in order. What an older epoch says late does not change what is known of a newer one. */
export async function rememberSigns(tx: Tx, signs: readonly Sign[]): Promise<void> {
  // One row for each instance: what a batch says about it last, among the signs of its newest epoch.
  const last = new Map<string, Sign>();
  for (const sign of signs) {
    const known = last.get(sign.instance);
    if (known === undefined || Number(sign.epoch) >= Number(known.epoch))
      last.set(sign.instance, { ...sign, closed: sign.closed || (known?.epoch === sign.epoch && known.closed) });
  }
  if (last.size === 0) return;
  const rows = [...last.values()].sort((one, other) => (one.instance < other.instance ? -1 : 1));
  const sql = `
    insert into writers (instance, service, epoch, closed, heard)
    select instance, service, epoch, closed, clock_timestamp() from unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) as sign(instance, service, epoch, closed)
    on conflict (instance) do update set
      service = excluded.service, epoch = excluded.epoch, heard = excluded.heard,
      closed = excluded.closed or (writers.closed and writers.epoch = excluded.epoch)
    where excluded.epoch >= writers.epoch`;
  await tx.query(sql, [rows.map((row) => row.instance), rows.map((row) => row.service), rows.map((row) => row.epoch), rows.map((row) => row.closed)]);
}

/** All processes that were heard of, and how well we hear. */
export async function knownWriters(tx: Tx, silence_ms: number): Promise<{ readonly writers: readonly Writer[]; readonly hearing: Hearing }> {
  const sql = `
    select instance, service, epoch::text, closed, extract(epoch from heard) * 1000 as heard_ms, extract(epoch from clock_timestamp()) * 1000 as now
    from writers order by instance`;
  const rows = await rowsOf<{ instance: string; service: string; epoch: string; closed: boolean; heard_ms: string; now: string }>(tx, sql);
  const writers = rows.map((row) => ({ instance: row.instance, service: row.service, epoch: row.epoch, closed: row.closed, heard_ms: Number(row.heard_ms) }));
  const heard_ms = Math.max(-Infinity, ...writers.map((writer) => writer.heard_ms));
  return { writers, hearing: { now: Number(rows[0]?.now ?? 0), silence_ms, heard_ms } };
}
