import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { folded, personOf, type Links } from '../domain/person.js';
import type { Delegation } from '../domain/voting.js';
import { storable } from './storable.js';

/** Who these names mean: what of them is another name of somebody, with the name that all of theirs have in common. */
export async function linksOf(tx: Tx, tenant: string, names: readonly string[]): Promise<Links> {
  const rows = await rowsOf<{ subject: string; person_key: string }>(
    tx,
    `select subject, person_key from identities where tenant = $1 and kind = 'name' and subject = any($2::text[])`,
    [tenant, [...new Set(names.map((name) => storable(folded(name))))]],
  );
  return new Map(rows.map((row) => [row.subject, row.person_key]));
}

/** Every name, without differences of case and form, that means the same person as this one. */
export async function namesOf(tx: Tx, tenant: string, name: string): Promise<readonly string[]> {
  const person = personOf(name, await linksOf(tx, tenant, [name]));
  const rows = await rowsOf<{ subject: string }>(tx, `select subject from identities where tenant = $1 and kind = 'name' and person_key = $2`, [tenant, person]);
  return [person, ...rows.map((row) => row.subject)];
}

/** Rights that were given to this person and not taken back, oldest first. */
export async function delegationsTo(tx: Tx, tenant: string, names: readonly string[]): Promise<readonly Delegation[]> {
  const rows = await rowsOf<{ giver: string; groups: string[]; taker: string; expires: Date }>(
    tx,
    `select giver, groups, taker, expires from delegations
     where tenant = $1 and taker_key = any($2::text[]) and revoked is null and expires > clock_timestamp() order by delegation limit 1000`,
    [tenant, names],
  );
  return rows.map((row) => ({ from: row.giver, groups: row.groups, to: row.taker, expires_ms: row.expires.getTime() }));
}

/** A call that one of these names let run alone and that nobody has reviewed in time. */
export async function overdueReview(tx: Tx, tenant: string, names: readonly string[]): Promise<string | null> {
  const rows = await rowsOf<{ approval: string; by: string }>(
    tx,
    `select approval, glass->>'by' as by from requests
     where tenant = $1 and glass is not null and glass->'review' = 'null'::jsonb and (glass->>'review_by')::timestamptz <= clock_timestamp() order by approval`,
    [tenant],
  );
  return rows.find((row) => names.includes(folded(row.by)))?.approval ?? null;
}
