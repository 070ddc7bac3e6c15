import { invalidRequest } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';

/** The place after which the next page begins. */
export function makeCursor(...parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** Throws ProblemError for what `makeCursor` did not make. */
export function readCursor(cursor: string, parts: number): readonly string[] {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(read) && read.length === parts && read.every((part) => typeof part === 'string' && !part.includes('\0'))) return read as string[];
  } catch {
    // Said below.
  }
  const message = 'is not one that this list gave out';
  throw new ProblemError(invalidRequest, `/query/cursor: ${message}`, [{ pointer: '/query/cursor', message }]);
}
