import { createHash } from 'node:crypto';
import { badCursor } from '@customhouse/http-contract/audit';
import { canonicalise } from '@customhouse/kernel/canonical';
import { ProblemError } from '@customhouse/nest/problem';

/** A cursor says where a query stands, and of which query it is. */
export function makeCursor(query: object, last: string): string {
  return Buffer.from(JSON.stringify([fingerprint(query), last])).toString('base64url');
}

/** Where to go on. Throws ProblemError `bad-cursor` for one of another query, and for what is none. */
export function readCursor(query: object, cursor: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || parsed[0] !== fingerprint(query) || typeof parsed[1] !== 'string' || !/^[0-9A-Z]{1,30}$/.test(parsed[1])) {
    throw new ProblemError(badCursor, 'the cursor was not given out for this query; begin again without one');
  }
  return parsed[1];
}

function fingerprint(query: object): string {
  return createHash('sha256').update(canonicalise(query)).digest('base64url').slice(0, 16);
}
