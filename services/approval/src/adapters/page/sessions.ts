import { hash, randomBytes } from 'node:crypto';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';

/** Somebody who is logged in to the page. */
export interface Session {
  /** Names the session for checks; the secret is known to the browser alone. */
  readonly id: string;
  /** The account at the OpenID provider. */
  readonly issuer: string;
  readonly subject: string;
  /** Of a login that was made for one decision. */
  readonly fresh: { readonly approval: string; readonly age_s: number } | null;
}

export interface NewSession {
  readonly issuer: string;
  readonly subject: string;
  readonly fresh: { readonly approval: string; readonly since_s: number } | null;
}

const secret = /^[A-Za-z0-9_-]{43}$/;

/** Begins a session and answers the secret that its cookie holds. */
export async function openSession(tx: Tx, session: NewSession, lifetime_s: number): Promise<string> {
  const value = randomBytes(32).toString('base64url');
  await tx.query('delete from page_sessions where expires < clock_timestamp()');
  await tx.query(
    `insert into page_sessions (session, issuer, subject, fresh_for, fresh_since, expires)
     values ($1, $2, $3, $4, to_timestamp($5::float8), clock_timestamp() + $6 * interval '1 second')`,
    [idOf(value), session.issuer, session.subject, session.fresh?.approval ?? null, session.fresh?.since_s ?? null, lifetime_s],
  );
  return value;
}

/** The session of a cookie; undefined when there is none, or no more. */
export async function findSession(tx: Tx, value: string | undefined): Promise<Session | undefined> {
  if (value === undefined || !secret.test(value)) return undefined;
  const sql = `
    select session, issuer, subject, fresh_for, extract(epoch from clock_timestamp() - fresh_since)::float8 as age_s from page_sessions
    where session = $1 and expires > clock_timestamp()`;
  const [row] = await rowsOf<{ session: string; issuer: string; subject: string; fresh_for: string | null; age_s: number | null }>(tx, sql, [idOf(value)]);
  if (row === undefined) return undefined;
  const { issuer, subject } = row;
  return { id: row.session, issuer, subject, fresh: row.fresh_for === null || row.age_s === null ? null : { approval: row.fresh_for, age_s: row.age_s } };
}

export async function closeSession(tx: Tx, id: string): Promise<void> {
  await tx.query('delete from page_sessions where session = $1', [id]);
}

/** Only a digest is kept: who reads the table cannot become anybody. */
function idOf(value: string): string {
  return hash('sha256', value, 'base64url');
}
