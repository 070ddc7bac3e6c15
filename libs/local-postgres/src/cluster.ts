import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { identityOf, type Account } from './account.js';
import type { Binaries } from './binaries.js';
import { LocalPostgresError, messageOf } from './problem.js';

export const superuser = 'customhouse';
const run = promisify(execFile);

/** Answers the cluster's folder below `room`, making it when there is none. Throws LocalPostgresError. */
export async function ensureCluster(room: string, password: string, binaries: Binaries, account: Account | undefined, onProgress: (message: string) => void): Promise<string> {
  const cluster = join(room, 'cluster');
  removeRemains(room);
  if (existsSync(cluster)) {
    checkVersion(cluster, binaries);
    return cluster;
  }
  onProgress('creating the database (once, a few seconds)');
  // Made beside and renamed, so that a half-made cluster is never taken for a whole one.
  const beside = join(room, `cluster.new-${randomBytes(6).toString('hex')}`);
  mkdirSync(beside, { mode: 0o700 });
  if (account) chownSync(beside, account.uid, account.gid);
  try {
    await initialise(beside, password, binaries, account);
    renameSync(beside, cluster);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    if (error instanceof LocalPostgresError) throw error;
    throw new LocalPostgresError(`the database cannot be created in ${room}: ${detailOf(error)}`, { cause: error });
  }
  return cluster;
}

async function initialise(folder: string, password: string, binaries: Binaries, account: Account | undefined): Promise<void> {
  const secret = `${folder}.password`;
  writeFileSync(secret, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (account) chownSync(secret, account.uid, account.gid);
  const settings = [
    '--username',
    superuser,
    '--pwfile',
    secret,
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
    '--locale-provider',
    'builtin',
    '--builtin-locale',
    'C.UTF-8',
    '--locale',
    'C',
  ];
  try {
    await run(join(binaries.folder, 'bin', 'initdb'), ['-D', folder, '--no-instructions', ...settings], {
      ...identityOf(account),
      cwd: '/',
      env: cleanEnvironment(),
      timeout: 120_000,
    });
  } finally {
    rmSync(secret, { force: true });
  }
}

/** Nothing of ours is passed to the server: not the settings of the gateway, and no PG* variable of somebody else's database. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TZ } = process.env;
  return { PATH, LC_ALL: 'C', ...(TZ === undefined ? {} : { TZ }) };
}

function removeRemains(room: string): void {
  for (const name of readdirSync(room)) if (name.startsWith('cluster.new-')) rmSync(join(room, name), { recursive: true, force: true });
}

function checkVersion(cluster: string, binaries: Binaries): void {
  const made = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  const major = binaries.version.split('.')[0];
  if (made !== major)
    throw new LocalPostgresError(
      `the database in ${cluster} was made by PostgreSQL ${made}, and this is ${major}: export the data with the version of Customhouse that made it, or choose another data folder`,
    );
}

/** The password of the data folder, made at the first start; readable by its owner only. */
export function ensurePassword(dataDir: string): string {
  const file = join(dataDir, 'password');
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new LocalPostgresError(`the password of the database cannot be written to ${file}: ${messageOf(error)}`, { cause: error });
  }
  const password = readFileSync(file, 'utf8').trim();
  if (password === '') throw new LocalPostgresError(`${file} is empty: restore it, or choose another data folder`);
  return password;
}

function detailOf(error: unknown): string {
  const { stderr } = error as { stderr?: unknown };
  return typeof stderr === 'string' && stderr.trim() !== '' ? stderr.trim() : messageOf(error);
}
