import type { DataSource } from 'typeorm';
import type { Position, Positions } from '@customhouse/event-log/port';
import { oneRow, rowsOf, type Tx } from './sql.js';

/** Another process has taken the group over. Nothing of this transaction may stay. */
export class FencedOff extends Error {
  override readonly name = 'FencedOff';
  constructor(group: string) {
    super(`another process has taken over the consumer group ${group}`);
  }
}

/** The right to move the positions of a group, for a time, by the database's clock. The epoch goes up with every change of hands. */
export interface Lease {
  readonly group: string;
  readonly epoch: string;
}

/**
 * Takes the lease when it is free, has run out, or was held under the same owner name: that name is unique among living processes, so
 * whoever held it is dead, and a restart need not wait. Undefined while another owner has it.
 */
export async function takeLease(source: DataSource, group: string, owner: string, lease_ms: number): Promise<Lease | undefined> {
  const sql = `
    insert into consumers (group_name, owner, epoch, lease_until) values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
    on conflict (group_name) do update set owner = excluded.owner, epoch = consumers.epoch + 1, lease_until = excluded.lease_until
    where consumers.lease_until < clock_timestamp() or consumers.owner = excluded.owner
    returning epoch`;
  const [row] = await rowsOf<{ epoch: string }>(source.manager, sql, [group, owner, lease_ms]);
  return row && { group, epoch: row.epoch };
}

const hold = `
  update consumers set lease_until = clock_timestamp() + $3 * interval '1 millisecond', complete_until = greatest(complete_until, to_timestamp($4::float8 / 1000))
  where group_name = $1 and epoch = $2 returning epoch`;

/** Prolongs the lease and locks its row until the end of the transaction. `complete` is Unix milliseconds. Throws FencedOff. */
export async function holdLease(tx: Tx, lease: Lease, lease_ms: number, complete: number | undefined): Promise<void> {
  const held = await rowsOf(tx, hold, [lease.group, lease.epoch, lease_ms, complete ?? null]);
  if (held.length === 0) throw new FencedOff(lease.group);
}

/** Lets another process begin at once. */
export async function giveUpLease(source: DataSource, lease: Lease): Promise<void> {
  await source.manager.query('update consumers set lease_until = clock_timestamp() where group_name = $1 and epoch = $2', [lease.group, lease.epoch]);
}

/** Where the group stands in every partition that it has read. */
export async function loadPositions(tx: Tx, group: string): Promise<readonly Position[]> {
  const rows = await rowsOf<{ topic: string; partition: number; next_offset: string }>(tx, 'select topic, partition, next_offset from positions where group_name = $1', [group]);
  return rows.map((row) => ({ topic: row.topic, partition: row.partition, offset: Number(row.next_offset) }));
}

/**
 * Prolongs the lease and answers the next offset of one partition, undefined before its first record. Both rows are locked until the end of the
 * transaction. Throws FencedOff.
 */
export async function holdPosition(
  tx: Tx,
  lease: Lease,
  { topic, partition }: Pick<Position, 'topic' | 'partition'>,
  { lease_ms, complete }: { readonly lease_ms: number; readonly complete: number | undefined },
): Promise<number | undefined> {
  const sql = `
    with held as (${hold}), place as (select next_offset from positions where group_name = $1 and topic = $5 and partition = $6 for update)
    select (select epoch from held) as epoch, (select next_offset from place) as next_offset`;
  const { epoch, next_offset } = await oneRow<{ epoch: string | null; next_offset: string | null }>(tx, sql, [
    lease.group,
    lease.epoch,
    lease_ms,
    complete ?? null,
    topic,
    partition,
  ]);
  if (epoch === null) throw new FencedOff(lease.group);
  return next_offset === null ? undefined : Number(next_offset);
}

export async function movePosition(tx: Tx, group: string, next: Position, appended: number): Promise<void> {
  const sql = `
    insert into positions (group_name, topic, partition, next_offset, appended_at) values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))
    on conflict (group_name, topic, partition) do update set next_offset = excluded.next_offset, appended_at = excluded.appended_at`;
  await tx.query(sql, [group, next.topic, next.partition, next.offset, appended]);
}

/** Lets a group go on elsewhere: whoever leads it notices with its next commit and begins there. For groups that were at rest (ProjectionOptions). */
export async function placeGroup(tx: Tx, group: string, positions: Positions): Promise<void> {
  const places = [...positions].map(([place, offset]) => {
    const end = place.lastIndexOf(':');
    return { topic: place.slice(0, end), partition: Number(place.slice(end + 1)), offset };
  });
  const sql = `
    insert into positions (group_name, topic, partition, next_offset) select $1, * from unnest($2::text[], $3::int[], $4::bigint[])
    on conflict (group_name, topic, partition) do update set next_offset = excluded.next_offset, appended_at = null`;
  await tx.query(sql, [group, places.map(({ topic }) => topic), places.map(({ partition }) => partition), places.map(({ offset }) => offset)]);
}
