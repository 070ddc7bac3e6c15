import type { Pool } from 'pg';
import { partitionKey, PositionGone, type Position, type StoredRecord } from '../port.js';

interface Row {
  topic: string;
  partition: number;
  earliest: number;
  next: number;
  /** Null when the partition holds nothing from the wanted offset on. */
  offset: number | null;
  key: string;
  value: Buffer | null;
  headers: Record<string, string>;
  appended: number;
}

/** One statement for all partitions of a follower, so that a look costs one round trip however many there are. */
const fetchStatement = `
select p.topic, p.partition, p.earliest::float8 as earliest, p.next::float8 as next,
       r."offset"::float8 as "offset", r.key, r.value, r.headers, r.appended::float8 as appended
from unnest($1::text[], $2::int[], $3::bigint[]) as w(topic, partition, start)
join log.partitions p on p.topic = w.topic and p.partition = w.partition
left join lateral (
  select * from (
    select r.*, sum(octet_length(r.value)) over (order by r."offset" rows between unbounded preceding and 1 preceding) as before
    from (
      select * from log.records r
      where r.topic = w.topic and r.partition = w.partition and r."offset" >= w.start
      order by r."offset" limit $4
    ) r
  ) r where coalesce(r.before, 0) < $5
) r on true`;

/** What one look brings at most; each partition has its share of it, and gives one record in any case. */
const lookBytes = 16 * 1024 * 1024;
const leastBytes = 256 * 1024;

export interface Wanted {
  readonly topic: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly start: number;
}

export interface Fetched extends Wanted {
  /** The end of the partition when this was read. */
  readonly end: number;
  readonly records: readonly StoredRecord[];
}

/** At most `limit` records of each wanted partition, and a share of what a look may bring, in order. Throws PositionGone, or what the database says. */
export async function fetchRecords(pool: Pool, wanted: readonly Wanted[], limit: number): Promise<readonly Fetched[]> {
  const answer = await pool.query<Row>({
    name: 'fetch',
    text: fetchStatement,
    values: [
      wanted.map((want) => want.topic),
      wanted.map((want) => want.partition),
      wanted.map((want) => want.start),
      limit,
      Math.max(leastBytes, Math.floor(lookBytes / wanted.length)),
    ],
  });
  const found = new Map<string, { end: number; earliest: number; records: StoredRecord[] }>();
  for (const row of answer.rows) {
    const name = partitionKey(row.topic, row.partition);
    let entry = found.get(name);
    if (entry === undefined) found.set(name, (entry = { end: row.next, earliest: row.earliest, records: [] }));
    if (row.offset !== null) entry.records.push(toRecord(row, row.offset));
  }
  // They come in order, but nothing in the statement promises it; sorting what is sorted costs next to nothing.
  for (const { records } of found.values()) records.sort((a, b) => a.position.offset - b.position.offset);
  return wanted.map((want) => {
    const entry = found.get(partitionKey(want.topic, want.partition));
    if (entry === undefined) throw new Error(`the log has no partition ${want.topic}/${want.partition}`);
    if (want.start < entry.earliest || want.start > entry.end) throw new PositionGone({ ...want, offset: want.start }, entry.earliest, entry.end);
    return { ...want, end: entry.end, records: entry.records };
  });
}

/** The record at a position. Undefined when there is none (compacted away, or not yet written); throws PositionGone. */
export async function fetchOne(pool: Pool, position: Position): Promise<StoredRecord | undefined> {
  const [found] = await fetchRecords(pool, [{ ...position, start: position.offset }], 1);
  const record = found?.records[0];
  return record?.position.offset === position.offset ? record : undefined;
}

function toRecord(row: Row, offset: number): StoredRecord {
  return { topic: row.topic, key: row.key, value: row.value, headers: row.headers, position: { topic: row.topic, partition: row.partition, offset }, appended: row.appended };
}
