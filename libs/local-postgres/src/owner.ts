import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readPidFile, removePidFile, servesCluster } from './postmaster.js';
import { LocalPostgresError } from './problem.js';

/** Any number that nobody else locks. */
const lockKey = '4206169320651';

/**
 * Says "this server is mine" by a lock in the server itself, held by a connection: it goes when the connection goes, so it cannot be left
 * behind by a process that was killed.
 */
export class OwnerLock {
  private constructor(private readonly client: pg.Client) {}

  /** Throws LocalPostgresError when another process has it. */
  static async take(url: string): Promise<OwnerLock> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, keepAlive: true, application_name: `customhouse ${process.pid}` });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [lockKey]);
    if (rows[0]?.taken !== true) {
      const owner = await ownerOf(client);
      await client.end();
      throw new LocalPostgresError(`the database is in use by another process${owner}: stop that one, or choose another data folder`);
    }
    return new OwnerLock(client);
  }

  async release(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}

async function ownerOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `select activity.application_name as name from pg_locks lock join pg_stat_activity activity using (pid) where lock.locktype = 'advisory' and lock.granted and activity.application_name like 'customhouse %' limit 1`,
  );
  const pid = /^customhouse (\d+)$/.exec(rows[0]?.name ?? '')?.[1];
  return pid ? ` (${pid})` : '';
}

/**
 * Deals with a server that still runs on the cluster: one that somebody owns is refused, one whose owner died is stopped. A stale pid file
 * that names a process of another kind is removed. Throws LocalPostgresError.
 */
export async function stopOrphan(cluster: string, urlOf: (port: number) => string, onProgress: (message: string) => void): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (let told = false; ; told = true) {
    const last = readPidFile(cluster);
    if (!last) return;
    if (!servesCluster(last.pid, cluster)) return removePidFile(cluster);
    if (performance.now() > deadline)
      throw new LocalPostgresError(`a database server (process ${last.pid}) still runs on ${cluster} and does not stop: end it with kill -INT ${last.pid}`);
    const owned = await tryToOwn(urlOf(last.port));
    if (!told) onProgress('stopping the database server that a killed process left behind');
    if (owned === 'orphan') process.kill(last.pid, 'SIGINT');
    await sleep(100);
  }
}

/** `away`: it accepts no connections, because it is starting or stopping. Throws LocalPostgresError when it has an owner. */
async function tryToOwn(url: string): Promise<'orphan' | 'away'> {
  let lock: OwnerLock;
  try {
    lock = await OwnerLock.take(url);
  } catch (error) {
    if (error instanceof LocalPostgresError) throw error;
    return 'away';
  }
  await lock.release();
  return 'orphan';
}
