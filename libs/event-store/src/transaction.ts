import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { backoff, failureKind } from './failures.js';

export interface TransactionOptions {
  /** How often a transaction that the database rolled back is tried in all. Default 5. */
  readonly attempts?: number;
  /** The work may happen twice without harm, so it is done again also when the fate of the commit is unknown. Default false. */
  readonly repeatable?: boolean;
  readonly isolation?: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
}

/** The connection broke while the commit was under way: what was written may be there. */
export class CommitUnknown extends Error {
  override readonly name = 'CommitUnknown';
}

/**
 * Runs `work` in a transaction and commits it. What the database rolled back (serialization failure, deadlock, lost connection
 * before the commit) is done again with back-off, so `work` must have no effect outside of the transaction.
 * Throws what `work` throws, or CommitUnknown.
 */
export async function inTransaction<T>(source: DataSource, work: (tx: EntityManager) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
  const attempts = options.attempts ?? 5;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(source, work, options);
    } catch (error) {
      const repeat = error instanceof CommitUnknown ? options.repeatable === true : failureKind(error) !== 'lasting';
      if (!repeat || attempt >= attempts) throw error;
      await sleep(backoff(attempt));
    }
  }
}

async function once<T>(source: DataSource, work: (tx: EntityManager) => Promise<T>, options: TransactionOptions): Promise<T> {
  const runner = source.createQueryRunner();
  let committing = false;
  try {
    await runner.startTransaction(options.isolation);
    const result = await work(runner.manager);
    committing = true;
    await runner.commitTransaction();
    return result;
  } catch (error) {
    if (committing && failureKind(error) === 'away') throw new CommitUnknown('the connection broke during a commit', { cause: error });
    // A rollback that fails leaves a broken connection, which release() throws away; the first error is the one that matters.
    if (runner.isTransactionActive && !runner.isReleased) await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
}
