import { invalidRequest } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';

/** One page of rows that were read with one more than the limit; the cursor is the id of the last. */
export function pageOfRows<Row, Item = Row>(rows: readonly Row[], limit: number, idOf: (row: Row) => string, toItem: (row: Row) => Item): { items: Item[]; next: string | null } {
  const page = rows.slice(0, limit);
  return { items: page.map(toItem), next: rows.length > limit ? Buffer.from(idOf(page.at(-1)!)).toString('base64url') : null };
}

/** Throws ProblemError for what is no cursor. */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const last = Buffer.from(cursor, 'base64url').toString();
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(last))
    throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
  return last;
}
