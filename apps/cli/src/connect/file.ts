import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliProblem } from '../problem.js';

/** The text of a configuration file; empty where there is none. */
export function readConfiguration(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw problemOf('read', path, error);
  }
}

/**
 * Replaces a configuration file in one step: the client never sees half of it, and a crash leaves the old one. A link is
 * followed, the mode stays; a file that holds a secret is readable by its owner only. Answers the path of the backup, or
 * undefined where there was nothing to keep.
 */
export function replaceConfiguration(path: string, text: string, options: { readonly secret: boolean; readonly now: Date }): string | undefined {
  try {
    const target = existsSync(path) ? realpathSync(path) : path;
    mkdirSync(dirname(target), { recursive: true });
    const old = existsSync(target) ? statSync(target).mode & 0o777 : undefined;
    const backup = old === undefined ? undefined : keepBackup(target, options.now);
    const mode = options.secret ? 0o600 : (old ?? 0o644);
    const fresh = `${target}.${process.pid}.new`;
    try {
      writeFileSync(fresh, text, { mode, flag: 'wx' });
      chmodSync(fresh, mode);
      renameSync(fresh, target);
    } finally {
      rmSync(fresh, { force: true });
    }
    return backup;
  } catch (error) {
    throw problemOf('write', path, error);
  }
}

function keepBackup(path: string, now: Date): string {
  const backup = `${path}.backup-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  copyFileSync(path, backup);
  return backup;
}

function problemOf(what: string, path: string, error: unknown): CliProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : code === 'EISDIR' ? 'it is a folder' : message;
  return new CliProblem('failed', `cannot ${what} ${path}: ${why}`);
}
