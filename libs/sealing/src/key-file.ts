import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

/** The key-encryption key cannot be had. The message names the file and what to do, never what is in it. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/**
 * Reads the key-encryption key: 32 bytes in base64 or base64url, in a file that only its owner may read. With `create`, a missing
 * file is made first; never otherwise, because a new key where the old one was expected makes everything sealed unreadable.
 * Throws KeyFileError.
 */
export function readKeyFile(path: string, options: { readonly create: boolean }): Buffer {
  if (options.create && !existsSync(path)) createKeyFile(path);
  const text = readPrivate(path);
  if (!/^[A-Za-z0-9+/_-]{43}=?\s*$/.test(text)) throw new KeyFileError(`${path} is not a key file: it must hold 32 random bytes in base64, and nothing else`);
  return Buffer.from(text, 'base64');
}

function readPrivate(path: string): string {
  let file: number;
  try {
    // Without blocking: a pipe in the place of the file must not hang the start.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      throw new KeyFileError(`there is no key file ${path}: restore it, or, for a new installation only, make one with: (umask 077; openssl rand -base64 32 > ${path})`);
    throw new KeyFileError(`the key file ${path} cannot be read: ${codeOf(error)}`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > 1024) throw new KeyFileError(`${path} is not a key file: it must hold 32 random bytes in base64, and nothing else`);
    const mode = stat.mode & 0o777;
    // Windows has no such bits: everything reads as 666 there.
    if ((mode & 0o077) !== 0 && process.platform !== 'win32')
      throw new KeyFileError(`the key file ${path} is open to others than its owner (mode ${mode.toString(8)}): chmod 600 ${path}`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Writes beside and links: another process sees no file or a whole one, and of two that create at once, one wins and both read its key. */
function createKeyFile(path: string): void {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = openSync(beside, 'wx', 0o600);
    try {
      writeSync(file, `${randomBytes(32).toString('base64url')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(beside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new KeyFileError(`the key file ${path} cannot be created: ${codeOf(error)}`);
  } finally {
    rmSync(beside, { force: true });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
