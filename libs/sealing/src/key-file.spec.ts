import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyFileError, readKeyFile } from './key-file.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-key-'));
  path = join(folder, 'sealing.key');
});
afterEach(() => rmSync(folder, { recursive: true }));

const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => 250 - index));
function write(text: string, mode = 0o600): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}
function refusal(): string {
  try {
    readKeyFile(path, { create: false });
  } catch (error) {
    expect(error).toBeInstanceOf(KeyFileError);
    return (error as Error).message;
  }
  throw new Error('the key file was accepted');
}

describe('the key file', () => {
  it.each([
    ['base64url', secret.toString('base64url')],
    ['base64url and a line end', `${secret.toString('base64url')}\n`],
    ['base64 as openssl writes it', `${secret.toString('base64')}\n`],
  ])('is read in %s', (_, text) => {
    write(text);
    expect(readKeyFile(path, { create: false })).toEqual(secret);
  });

  it.each([0o640, 0o604, 0o660, 0o644, 0o601])('is refused when others than its owner have a right to it (mode %i), with the command that helps', (mode) => {
    write(secret.toString('base64url'), mode);
    expect(refusal()).toContain(`chmod 600 ${path}`);
    expect(refusal()).toContain(`mode ${mode.toString(8)}`);
  });

  it('is accepted when even its owner may not write it', () => {
    write(secret.toString('base64url'), 0o400);
    expect(readKeyFile(path, { create: false })).toEqual(secret);
  });

  it.each([
    ['empty', ''],
    ['31 bytes', secret.subarray(1).toString('base64url')],
    ['33 bytes', Buffer.concat([secret, secret.subarray(0, 1)]).toString('base64url')],
    ['hex', secret.toString('hex')],
    ['two lines', `${secret.toString('base64url')}\nmore`],
    ['far too long', 'A'.repeat(5000)],
  ])('is refused when it is %s, without quoting it', (_, text) => {
    write(text);
    const message = refusal();
    expect(message).toContain('is not a key file');
    if (text !== '') expect(message).not.toContain(text.slice(0, 20));
  });

  it('is refused when it is a folder', () => {
    mkdirSync(path, { mode: 0o700 });
    expect(refusal()).toContain('is not a key file');
  });

  it('is refused at once, and not waited for, when it is a pipe', () => {
    execFileSync('mkfifo', ['-m', '600', path]);
    expect(refusal()).toContain('is not a key file');
  });

  it('that is missing is not made unless that was asked for', () => {
    expect(refusal()).toContain(`there is no key file ${path}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is made on request, for its owner alone, and stays the same', () => {
    const made = readKeyFile(path, { create: true });
    expect(made).toHaveLength(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeyFile(path, { create: true })).toEqual(made);
    expect(readKeyFile(path, { create: false })).toEqual(made);
    expect(readdirSync(folder)).toEqual(['sealing.key']);
  });

  it('is not made anew over one that is damaged or open to others', () => {
    write('damaged');
    expect(() => readKeyFile(path, { create: true })).toThrow('is not a key file');
    expect(readFileSync(path, 'utf8')).toBe('damaged');
  });

  it('is not made where a link points to nothing', () => {
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(() => readKeyFile(path, { create: true })).toThrow('there is no key file');
  });

  it('that cannot be made says why', () => {
    expect(() => readKeyFile(join(folder, 'missing', 'sealing.key'), { create: true })).toThrow('cannot be created: ENOENT');
  });

  it('made by several processes at once is one file, and all have its key', async () => {
    const script = `import { readKeyFile } from ${JSON.stringify(new URL('./key-file.ts', import.meta.url).pathname)};
      while (Date.now() < Number(process.argv[1]));
      console.log(readKeyFile(process.argv[2], { create: true }).toString('hex'));`;
    const start = String(Date.now() + 700);
    const keys = await Promise.all(Array.from({ length: 4 }, () => output(['--experimental-strip-types', '--no-warnings', '--input-type=module', '-e', script, start, path])));
    expect(new Set(keys)).toEqual(new Set([readKeyFile(path, { create: false }).toString('hex')]));
    expect(readdirSync(folder)).toEqual(['sealing.key']);
  }, 20_000);
});

async function output(args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return text.trim();
}
