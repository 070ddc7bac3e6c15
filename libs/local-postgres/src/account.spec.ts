import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAccount } from './account.js';

const folder = mkdtempSync(join(tmpdir(), 'customhouse-account-'));
afterAll(() => rmSync(folder, { recursive: true }));

function passwd(...lines: string[]): string {
  const file = join(folder, 'passwd');
  writeFileSync(file, ['root:x:0:0:root:/root:/bin/sh', '# a comment', '', ...lines].join('\n'));
  return file;
}

const nobody = 'nobody:x:65534:65534::/:/usr/sbin/nologin';
const postgres = 'postgres:x:101:102::/var/lib/postgresql:/bin/sh';

describe('the account that the server runs as', () => {
  it('is the user itself, when that is not root', () => {
    expect(chooseAccount(join(folder, 'none'), 1000, passwd(nobody))).toBeUndefined();
  });

  it('is postgres, else nobody, when root starts it for the first time', () => {
    expect(chooseAccount(join(folder, 'none'), 0, passwd(nobody, postgres))).toEqual({ name: 'postgres', uid: 101, gid: 102 });
    expect(chooseAccount(join(folder, 'none'), 0, passwd(nobody))).toEqual({ name: 'nobody', uid: 65534, gid: 65534 });
  });

  it('is never root, however the file names it', () => {
    expect(() => chooseAccount(join(folder, 'none'), 0, passwd('postgres:x:0:0::/:/bin/sh', 'nobody:x:broken:0::/:/bin/sh'))).toThrow('run this as an ordinary user');
  });

  it('is the one that owns the cluster, whatever else there is', () => {
    const { uid } = statSync(folder);
    if (uid === 0) return expect(chooseAccount(folder, 0, passwd(nobody))?.name).toBe('nobody');
    expect(chooseAccount(folder, 0, passwd(nobody, `owner:x:${uid}:${uid}::/:/bin/sh`))?.name).toBe('owner');
    expect(() => chooseAccount(folder, 0, passwd(nobody))).toThrow(`belongs to the user id ${uid}`);
  });
});
