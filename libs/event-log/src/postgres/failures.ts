import { DatabaseError } from 'pg';

/**
 * SQLSTATE classes and codes after which a commit may have happened all the same: connection exceptions, unknown
 * completion, and a server that goes down (it can do so while a committed transaction waits for a standby).
 */
const unknownFate = ['08', '40003', '57P'];

/** True when the server said no before it committed anything. Everything that is not the server's word is unknown. */
export function certainlyNotCommitted(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.code === undefined) return false;
  const code = error.code;
  return !unknownFate.some((prefix) => code.startsWith(prefix));
}

/** Classes of refusals that pass: rolled back for another's sake, short of resources, locked, cancelled by a time-out. */
const passing = ['40', '53', '55', '57'];

/** True when the same statement may succeed later. */
export function passes(error: unknown): boolean {
  return !(error instanceof DatabaseError) || passing.includes(error.code?.slice(0, 2) ?? '');
}

/** An error for people, without a secret: the address is named, the password is not. */
export function describeDatabase(url: string): string {
  try {
    const parsed = new URL(url);
    return `PostgreSQL at ${parsed.hostname || 'the local socket'}${parsed.port ? `:${parsed.port}` : ''}${parsed.pathname}`;
  } catch {
    return 'PostgreSQL';
  }
}
