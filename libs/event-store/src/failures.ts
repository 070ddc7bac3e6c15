import { LogIndeterminate, LogRefused } from '@customhouse/event-log/sink';

/** What a failure of the database says about trying again. */
export type FailureKind =
  /** The transaction was rolled back by the database to let another one through: do it again. */
  | 'conflict'
  /** The database or the log is away, or the connection broke: do it again later, knowing that a commit in flight may have happened. */
  | 'away'
  /** Doing it again would fail again. */
  | 'lasting';

// Serialization failure, deadlock, lock not available, statement cancelled by its time limit.
const conflicts = new Set(['40001', '40P01', '55P03', '57014']);
// Connection exceptions, shutdown, start-up, too many connections, out of resources; read-only appears while a standby is being promoted.
const away = /^(08...|57P0[1-5]|53...|25006|25P03)$/;
const networkErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const driverMessages =
  /connection terminated|not queryable|timeout exceeded when trying to connect|query read timeout|pool after calling end|client was closed|already released|server closed the connection/i;

/** Looks through causes and TypeORM's wrappers. Anything that is not known to be passing is lasting. */
export function failureKind(error: unknown): FailureKind {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth < 5; depth += 1) {
    if (current instanceof LogRefused || current instanceof LogIndeterminate) return 'away';
    const { code, message } = current as { code?: unknown; message?: unknown };
    if (typeof code === 'string') {
      if (conflicts.has(code)) return 'conflict';
      if (away.test(code) || networkErrors.has(code)) return 'away';
    }
    if (typeof message === 'string' && typeof code !== 'string' && driverMessages.test(message)) return 'away';
    const inner = current as { driverError?: unknown; cause?: unknown };
    current = inner.driverError ?? inner.cause;
  }
  return 'lasting';
}

/** True when doing the same again may succeed. */
export function isPassing(error: unknown): boolean {
  return failureKind(error) !== 'lasting';
}

/** Milliseconds to wait before try number `attempt` (from 1): doubles from `first` to `most`, of which a random half is taken away. */
export function backoff(attempt: number, first = 50, most = 5_000): number {
  const full = Math.min(most, first * 2 ** Math.min(attempt - 1, 20));
  return full / 2 + Math.random() * (full / 2);
}
