import type { Decision } from '@customhouse/policy-contract/decision';
import type { Sealed } from '@customhouse/events/envelope';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import type { Found, PastEvent, Sent } from '../domain/past-event.js';
import type { RecordedCall } from '../domain/recorded-call.js';
import { keyOf, PartReader, weekOf, type PartIds } from './history-parts.js';

/** Keeps what happened. What is known already is passed over: a call has one intent. Answers what is to be done after the commit. */
export async function insertPast(tx: Tx, past: readonly PastEvent[], parts: PartIds): Promise<() => void> {
  const marks = past.filter((event) => event.happened !== 'decided');
  if (marks.length > 0) await insertMarks(tx, marks);
  const calls = past.filter((event) => event.happened === 'decided');
  if (calls.length === 0) return () => undefined;
  const rows = calls.map(({ call, time, number }) => {
    const part = (value: unknown) => ({ week: weekOf(time), body: storable(value) });
    return { call, time, number, caller: part(call.caller), target: part(call.target), decision: part(call.decision) };
  });
  const ids = await parts.of(
    tx,
    rows.flatMap(({ caller, target, decision }) => [caller, target, decision]),
  );
  const sql = `
    insert into history (time, number, call, tenant, caller, target, decision, rest, arguments)
    select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[])
    on conflict do nothing`;
  await tx.query(sql, [
    rows.map(({ time }) => time),
    rows.map(({ number }) => number),
    rows.map(({ call }) => call.call),
    rows.map(({ call }) => storableText(call.tenant)),
    rows.map(({ caller }) => ids.get(keyOf(caller))!),
    rows.map(({ target }) => ids.get(keyOf(target))!),
    rows.map(({ decision }) => ids.get(keyOf(decision))!),
    rows.map(({ call }) => storable(call.rest)),
    rows.map(({ call }) => storable(call.arguments)),
  ]);
  return () => parts.remember(ids);
}

async function insertMarks(tx: Tx, marks: readonly (Sent | Found)[]): Promise<void> {
  const sql = `
    insert into history_marks (time, number, call, happened, session, rules) select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
    on conflict do nothing`;
  await tx.query(sql, [
    marks.map(({ time }) => time),
    marks.map(({ number }) => number),
    marks.map(({ call }) => call),
    marks.map(({ happened }) => happened),
    marks.map((mark) => (mark.happened === 'found' ? storableText(mark.session) : null)),
    marks.map((mark) => (mark.happened === 'found' ? storable(mark.rules) : null)),
  ]);
}

/** A place in the history. */
export interface Place {
  readonly time: string;
  readonly number: string;
}

/** What is after one place, up to another. */
export interface PastRange {
  readonly after: Place;
  readonly upTo: Place;
}

/** The range with the newest `calls` calls between two times (Unix milliseconds; null is open), and how many it has. */
export async function rangeOf(
  tx: Tx,
  { since, until, calls }: { readonly since: number | null; readonly until: number | null; readonly calls: number },
): Promise<PastRange & { readonly total: number }> {
  const fits = '($1::bigint is null or time >= $1) and ($2::bigint is null or time < $2)';
  const at = async (order: 'asc' | 'desc', offset: number) =>
    (await rowsOf<Place>(tx, `select time, number from history where ${fits} order by time ${order}, number ${order} offset $3 limit 1`, [since, until, offset]))[0];
  const last = await at('desc', 0);
  const beginning: Place = { time: String(since ?? 0), number: '-1' };
  if (last === undefined) return { after: beginning, upTo: beginning, total: 0 };
  const after = (await at('desc', calls)) ?? beginning;
  const { total } = await oneRow<{ total: string }>(tx, `select count(*) as total from history where (time, number) > ($1, $2) and (time, number) <= ($3, $4)`, [
    after.time,
    after.number,
    last.time,
    last.number,
  ]);
  return { after, upTo: last, total: Number(total) };
}

/** A recorded call, whose arguments are read only when they are wanted: most versions look at few. */
export type KeptCall = Omit<RecordedCall, 'arguments'> & {
  /** Of its sealed arguments, as they are kept. */
  readonly bytes: number;
};

/** What happened, as it is kept. */
export type KeptEvent =
  | { readonly happened: 'decided'; readonly call: KeptCall }
  /** `held`: the call, unless it is no longer kept. */
  | { readonly happened: 'sent'; readonly call: string; readonly time: number; readonly held: KeptCall | undefined }
  | Pick<Found, 'happened' | 'session' | 'rules'>;

const callColumns = 'call, tenant, caller, target, decision, rest, octet_length(arguments) as bytes';

/** What happened next in a range, at most `limit`, and where to go on: null at the end. */
export async function readPast(
  tx: Tx,
  { after, upTo }: PastRange,
  parts: PartReader,
  limit: number,
): Promise<{ readonly events: readonly KeptEvent[]; readonly next: Place | null }> {
  const range = (table: string) => `(${table}.time, ${table}.number) > ($1, $2) and (${table}.time, ${table}.number) <= ($3, $4) order by ${table}.time, ${table}.number limit $5`;
  const sql = `
    (select time, number, 'decided' as happened, null as session, null as rules, time as decided, ${callColumns} from history where ${range('history')})
    union all
    (select mark.time, mark.number, mark.happened, mark.session, mark.rules, held.time, mark.call, held.tenant, held.caller, held.target, held.decision, held.rest, octet_length(held.arguments)
      from history_marks mark left join history held on mark.happened = 'sent' and held.call = mark.call where ${range('mark')})
    order by time, number limit $5`;
  const rows = await rowsOf<EventRow>(tx, sql, [after.time, after.number, upTo.time, upTo.number, limit]);
  await parts.load(tx, rows.flatMap(partsOf));
  return { events: rows.flatMap((row) => inFull(row, parts) ?? []), next: rows.length < limit ? null : rows.at(-1)! };
}

export async function findCall(tx: Tx, call: string, tenant: string): Promise<KeptCall | undefined> {
  const [row] = await rowsOf<CallRow>(tx, `select time as decided, ${callColumns} from history where call = $1 and tenant = $2`, [call, tenant]);
  const parts = new PartReader();
  if (row) await parts.load(tx, partsOf(row));
  return row && callOf(row, parts);
}

/** The sealed arguments of calls. */
export async function readArguments(tx: Tx, calls: readonly string[]): Promise<ReadonlyMap<string, Sealed>> {
  if (calls.length === 0) return new Map();
  const rows = await rowsOf<{ call: string; arguments: string }>(tx, 'select call, arguments from history where call = any($1::text[])', [calls]);
  return new Map(rows.map((row) => [row.call, JSON.parse(row.arguments) as Sealed]));
}

interface CallRow {
  readonly call: string;
  /** When. Null with all that follows: the call is not kept. */
  readonly decided: string | null;
  readonly tenant: string;
  readonly caller: string;
  readonly target: string;
  readonly decision: string;
  readonly rest: string;
  readonly bytes: number;
}

interface EventRow extends CallRow, Place {
  readonly happened: PastEvent['happened'];
  readonly session: string;
  readonly rules: string;
}

function partsOf({ decided, caller, target, decision }: CallRow): readonly string[] {
  return decided === null ? [] : [caller, target, decision];
}

function inFull(row: EventRow, parts: PartReader): KeptEvent | undefined {
  const { happened, session } = row;
  if (happened === 'found') return { happened, session, rules: JSON.parse(row.rules) as readonly string[] };
  const call = callOf(row, parts);
  if (happened === 'sent') return { happened, call: row.call, time: Number(row.time), held: call };
  return call && { happened, call };
}

/** Undefined: it is not kept, or its week was forgotten while it was being read. */
function callOf(row: CallRow, parts: PartReader): KeptCall | undefined {
  if (row.decided === null) return undefined;
  const { call, tenant, bytes } = row;
  const [caller, target, decision] = [row.caller, row.target, row.decision].map((id) => parts.get(id));
  if (caller === undefined || target === undefined || decision === undefined) return undefined;
  const rest = JSON.parse(row.rest) as KeptCall['rest'];
  const time = Number(row.decided);
  return { call, tenant, time, caller: caller as KeptCall['caller'], target: target as KeptCall['target'], decision: decision as Decision, rest, bytes };
}

/** In JSON a NUL and a lone surrogate, which PostgreSQL refuses, are escaped. */
function storable(value: unknown): string {
  return JSON.stringify(value);
}
