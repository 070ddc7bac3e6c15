/** The time was up. The work may still end, and nobody will hear of it. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
  constructor(timeout_ms: number) {
    super(`no answer within ${Math.round(timeout_ms)} ms`);
  }
}

/** Rejects with DeadlinePassed when the work takes longer. Its late failure is nobody's any more. */
export async function within<T>(timeout_ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlinePassed(timeout_ms)), timeout_ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong, in one line, with the causes that a library put below. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const below = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : error.cause === undefined ? '' : messageOf(error.cause);
  if (error.message === '') return below === '' ? error.name : below;
  return below === '' || error.message.includes(below) ? error.message : `${error.message} (${below})`;
}
