import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * The text of a file that only its owner may read, made at the first time. Written beside and linked: a crash leaves no file or a
 * whole one, and of two that make it at once, both read the same.
 */
export function keptText(path: string, make: () => string): string {
  try {
    return read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(beside, `${make()}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(beside, { force: true });
  }
  return read(path);
}

/** A secret that is used as a bearer token. */
export function randomSecret(prefix: string): string {
  return prefix + randomBytes(32).toString('base64url');
}

function read(path: string): string {
  const text = readFileSync(path, 'utf8').trim();
  if (text === '') throw new Error(`${path} is empty: restore it, or delete it to have a new one made`);
  return text;
}
