/** The local PostgreSQL cannot be had. The message says what was wrong and what to do. */
export class LocalPostgresError extends Error {
  override readonly name = 'LocalPostgresError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
