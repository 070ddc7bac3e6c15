import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canReach, type Account } from './account.js';
import { LocalPostgresError, messageOf } from './problem.js';

/**
 * The folder that the cluster is in: the data folder, or one below `outside` when the data folder cannot be reached by the account that
 * the server runs as. The data folder says then where its database is.
 */
export function chooseRoom(dataDir: string, account: Account | undefined, onProgress: (message: string) => void, outside = '/var/lib/customhouse-postgres'): string {
  makeFolder(dataDir, account);
  const pointer = join(dataDir, 'location');
  if (existsSync(pointer)) {
    const room = readFileSync(pointer, 'utf8').trim();
    makeFolder(room, account);
    return room;
  }
  // Search permission alone: names cannot be listed, and every secret file is closed to others by its own mode.
  if (account) chmodSync(dataDir, 0o711);
  if (canReach(account, dataDir) || existsSync(join(dataDir, 'cluster'))) return dataDir;
  const room = join(outside, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  makeFolder(outside, account);
  makeFolder(room, account);
  if (!canReach(account, room))
    throw new LocalPostgresError(`PostgreSQL runs as ${account?.name}, which can reach neither ${dataDir} nor ${room}: choose a data folder that it can, for example below /srv`);
  writeFileSync(pointer, `${room}\n`, { mode: 0o600 });
  onProgress(`PostgreSQL runs as ${account?.name}, which cannot reach ${dataDir}: the database files are in ${room}`);
  return room;
}

function makeFolder(folder: string, account: Account | undefined): void {
  try {
    mkdirSync(folder, { recursive: true, mode: account ? 0o711 : 0o700 });
  } catch (error) {
    throw new LocalPostgresError(`the folder ${folder} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}
