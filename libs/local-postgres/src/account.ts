import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { LocalPostgresError } from './problem.js';

/** Whom the server runs as. Undefined: the user that runs us. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root, so root lends it an account that exists already: the one that owns the cluster, else `postgres`,
 * else `nobody`. No account is ever created. Undefined when we are not root.
 */
export function chooseAccount(cluster: string, uid = process.getuid?.(), passwd = '/etc/passwd'): Account | undefined {
  if (uid !== 0) return undefined;
  const accounts = readAccounts(passwd);
  const owner = ownerOf(cluster);
  if (owner !== undefined && owner !== 0) {
    const known = accounts.find((account) => account.uid === owner);
    if (known) return known;
    throw new LocalPostgresError(
      `${cluster} belongs to the user id ${owner}, which this machine does not know: give it to an account that exists with chown -R, for example to nobody`,
    );
  }
  const found = accounts.find((account) => account.name === 'postgres') ?? accounts.find((account) => account.name === 'nobody');
  if (!found) throw new LocalPostgresError('PostgreSQL does not run as root, and there is neither an account "postgres" nor "nobody" to run it as: run this as an ordinary user');
  return found;
}

function readAccounts(passwd: string): Account[] {
  return readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid), gid: Number(gid) }))
    .filter((account) => Number.isInteger(account.uid) && account.uid > 0 && Number.isInteger(account.gid));
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid;
}

/** Whether the account can get into a folder, all folders above it included. Asked of the kernel, because modes are not the whole truth. */
export function canReach(account: Account | undefined, folder: string): boolean {
  if (!account) return true;
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { uid: account.uid, gid: account.gid, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** For `spawn`. */
export function identityOf(account: Account | undefined): { readonly uid?: number; readonly gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {};
}
