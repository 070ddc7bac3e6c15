import { createHmac } from 'node:crypto';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { same } from '../tokens.js';

/** Seconds that a request may be older or younger than our clock. */
export const tolerance_s = 300;

export type SignatureVerdict = 'valid' | 'malformed' | 'too-old' | 'wrong';

/**
 * Whether the bytes were signed by Slack, as https://docs.slack.dev/authentication/verifying-requests-from-slack says: HMAC-SHA-256
 * over version, time and the body as it came. `now`: Unix milliseconds.
 */
export function verifySlack(secret: string, request: { readonly body: Buffer; readonly timestamp: unknown; readonly signature: unknown }, now: number): SignatureVerdict {
  const { body, timestamp, signature } = request;
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp) || typeof signature !== 'string' || !/^v0=[0-9a-f]{64}$/.test(signature)) return 'malformed';
  const expected = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`;
  if (!same(signature, expected)) return 'wrong';
  return Math.abs(now / 1_000 - Number(timestamp)) <= tolerance_s ? 'valid' : 'too-old';
}

/** A living process answers sooner than this, one way or the other. */
const answeredWithin_ms = 3_000;

/**
 * Takes a request by its signature. `again`: it was answered before, so this is a replay. `busy`: somebody is at it. One that was taken and never
 * answered died with the process that took it, and may come again. What the window of time refuses anyway is forgotten.
 */
export async function takeSignature(tx: Tx, signature: string): Promise<'taken' | 'again' | 'busy'> {
  await tx.query(`delete from slack_signatures where seen < clock_timestamp() - $1 * interval '1 second'`, [tolerance_s * 3]);
  const sql = `
    insert into slack_signatures (signature) values ($1) on conflict (signature) do update set seen = clock_timestamp()
    where not slack_signatures.answered and slack_signatures.seen < clock_timestamp() - $2 * interval '1 millisecond'
    returning signature`;
  const taken = await rowsOf(tx, sql, [signature, answeredWithin_ms]);
  if (taken.length === 1) return 'taken';
  const answered = await rowsOf(tx, 'select signature from slack_signatures where signature = $1 and answered', [signature]);
  return answered.length === 1 ? 'again' : 'busy';
}

/** From now on the request is a replay. */
export async function noteAnswered(tx: Tx, signature: string): Promise<void> {
  await tx.query('update slack_signatures set answered = true where signature = $1', [signature]);
}

/** Nothing came of the request, so it may come again. */
export async function giveBackSignature(tx: Tx, signature: string): Promise<void> {
  await tx.query('delete from slack_signatures where signature = $1', [signature]);
}
