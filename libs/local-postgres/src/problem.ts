/** The local PostgreSQL cannot be had. The message says what was wrong and what to do. */
export class LocalPostgresError extends Error {
  override readonly name = 'LocalPostgresError';
}

/** What else there is, for messages. */
export const ownDatabase = 'give a PostgreSQL of your own in CUSTOMHOUSE_DATABASE_URL and CUSTOMHOUSE_LOG_URL';

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
