import { createHash } from 'node:crypto';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { Sealed } from '@customhouse/events/envelope';
import { canonicalise } from '@customhouse/kernel/canonical';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import type { RecordedCall } from '../domain/recorded-call.js';

const week_ms = 7 * 86_400_000;

/** Weeks since 1970. */
export function weekOf(time: number): number {
  return Math.floor(time / week_ms);
}

/** Keeps calls in this order. Those that are known already are passed over: a call has one intent. */
export async function insertCalls(tx: Tx, calls: readonly RecordedCall[]): Promise<void> {
  if (calls.length === 0) return;
  const rows = calls.map((call) => {
    const part = (value: unknown) => partOf(weekOf(call.time), value);
    return { call, week: weekOf(call.time), caller: part(call.caller), target: part(call.target), decision: part(call.decision) };
  });
  const ids = await partIds(
    tx,
    rows.flatMap(({ caller, target, decision }) => [caller, target, decision]),
  );
  const sql = `
    insert into history (number, call, week, time, tenant, caller, target, decision, rest, arguments)
    select nextval('history_numbers'), call, week, time, tenant, caller, target, decision, rest, arguments from (
      select * from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[])
        with ordinality as given (call, week, time, tenant, caller, target, decision, rest, arguments, place) order by place) as ordered
    on conflict (call) do nothing`;
  await tx.query(sql, [
    rows.map(({ call }) => call.call),
    rows.map(({ week }) => week),
    rows.map(({ call }) => call.time),
    rows.map(({ call }) => storableText(call.tenant)),
    rows.map(({ caller }) => ids.get(caller.key)!),
    rows.map(({ target }) => ids.get(target.key)!),
    rows.map(({ decision }) => ids.get(decision.key)!),
    rows.map(({ call }) => storable(call.rest)),
    rows.map(({ call }) => storable(call.arguments)),
  ]);
}

/** The parts of calls that were read, parsed; there are few, and the ones that were asked for last stay. */
export class PartReader {
  private readonly known = new Map<string, unknown>();

  constructor(private readonly most = 20_000) {}

  async load(tx: Tx, ids: readonly string[]): Promise<void> {
    const wanted = new Set(ids);
    if (this.known.size + wanted.size > this.most) for (const id of this.known.keys()) if (!wanted.has(id)) this.known.delete(id);
    const missing = [...wanted].filter((id) => !this.known.has(id));
    if (missing.length === 0) return;
    const rows = await rowsOf<{ id: string; body: string }>(tx, 'select id, body from history_parts where id = any($1::bigint[])', [missing]);
    for (const { id, body } of rows) this.known.set(id, JSON.parse(body));
  }

  /** Undefined: it is gone with its week. */
  get(id: string): unknown {
    return this.known.get(id);
  }
}

/** Which calls, in the order of the history. */
export interface CallRange {
  /** Unix milliseconds; null is open. */
  readonly since: number | null;
  readonly until: number | null;
  /** Numbers above this one and up to that one. */
  readonly after: string;
  readonly upTo: string;
}

/** A recorded call, whose arguments are read only when they are wanted: most versions look at few. */
export type KeptCall = Omit<RecordedCall, 'arguments'> & { readonly number: string };

/** The next calls of a range, at most `limit`, and where to go on: null at the end. */
export async function readCalls(tx: Tx, range: CallRange, parts: PartReader, limit: number): Promise<{ readonly calls: readonly KeptCall[]; readonly next: string | null }> {
  const sql = `
    select number, call, time, tenant, caller, target, decision, rest from history
    where number > $1 and number <= $2 and ($3::bigint is null or time >= $3) and ($4::bigint is null or time < $4) order by number limit $5`;
  const rows = await rowsOf<CallRow>(tx, sql, [range.after, range.upTo, range.since, range.until, limit]);
  return { calls: await inFull(tx, rows, parts), next: rows.length < limit ? null : rows.at(-1)!.number };
}

export async function findCall(tx: Tx, call: string, tenant: string): Promise<KeptCall | undefined> {
  const rows = await rowsOf<CallRow>(tx, 'select number, call, time, tenant, caller, target, decision, rest from history where call = $1 and tenant = $2', [call, tenant]);
  return (await inFull(tx, rows, new PartReader()))[0];
}

/** The sealed arguments of calls, by number. */
export async function readArguments(tx: Tx, numbers: readonly string[]): Promise<ReadonlyMap<string, Sealed>> {
  if (numbers.length === 0) return new Map();
  const rows = await rowsOf<{ number: string; arguments: string }>(tx, 'select number, arguments from history where number = any($1::bigint[])', [numbers]);
  return new Map(rows.map((row) => [row.number, JSON.parse(row.arguments) as Sealed]));
}

interface CallRow {
  readonly number: string;
  readonly call: string;
  readonly time: string;
  readonly tenant: string;
  readonly caller: string;
  readonly target: string;
  readonly decision: string;
  readonly rest: string;
}

async function inFull(tx: Tx, rows: readonly CallRow[], parts: PartReader): Promise<readonly KeptCall[]> {
  await parts.load(
    tx,
    rows.flatMap(({ caller, target, decision }) => [caller, target, decision]),
  );
  return rows.flatMap((row) => {
    const [caller, target, decision] = [row.caller, row.target, row.decision].map((id) => parts.get(id));
    // Its week was forgotten while it was being read.
    if (caller === undefined || target === undefined || decision === undefined) return [];
    const { number, call, tenant } = row;
    const rest = JSON.parse(row.rest) as KeptCall['rest'];
    return [{ number, call, tenant, time: Number(row.time), caller: caller as KeptCall['caller'], target: target as KeptCall['target'], decision: decision as Decision, rest }];
  });
}

interface Part {
  readonly key: string;
  readonly week: number;
  readonly digest: Buffer;
  readonly body: string;
}

function partOf(week: number, value: unknown): Part {
  const body = storable(value);
  const digest = createHash('sha256').update(body).digest();
  return { key: `${week} ${digest.toString('base64')}`, week, digest, body };
}

/** Canonical JSON has no NUL and no lone surrogate in it: both are escaped. */
function storable(value: unknown): string {
  return canonicalise(value);
}

/** Their ids by key; those that are new are added. */
async function partIds(tx: Tx, all: readonly Part[]): Promise<ReadonlyMap<string, string>> {
  const parts = [...new Map(all.map((part) => [part.key, part])).values()];
  const ids = new Map<string, string>();
  const find = async (missing: readonly Part[]) => {
    const sql = 'select id, week, digest from history_parts join unnest($1::int[], $2::bytea[]) as wanted (week, digest) using (week, digest)';
    const rows = await rowsOf<{ id: string; week: number; digest: Buffer }>(tx, sql, [missing.map(({ week }) => week), missing.map(({ digest }) => digest)]);
    for (const { id, week, digest } of rows) ids.set(`${week} ${digest.toString('base64')}`, id);
  };
  await find(parts);
  const missing = parts.filter(({ key }) => !ids.has(key));
  if (missing.length === 0) return ids;
  await tx.query('insert into history_parts (week, digest, body) select * from unnest($1::int[], $2::bytea[], $3::text[]) on conflict (week, digest) do nothing', [
    missing.map(({ week }) => week),
    missing.map(({ digest }) => digest),
    missing.map(({ body }) => body),
  ]);
  await find(missing);
  return ids;
}
