import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildAll } from '../build.mjs';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'customhouse-build-'));
  mkdirSync(join(base, 'libs/one/src/deep'), { recursive: true });
  write('libs/one/src/a.ts', 'export const a: number = 1;\n');
  write('libs/one/src/deep/b.ts', 'export const b: number = 2;\n');
  write('libs/one/src/a.spec.ts', 'throw new Error();\n');
});
afterEach(() => rmSync(base, { recursive: true }));

const write = (path: string, text: string) => writeFileSync(join(base, path), text);
const read = (path: string) => readFileSync(join(base, path), 'utf8');

describe('a build', () => {
  it('makes a file of each source, and none of a test', async () => {
    expect(await buildAll(base)).toBe(2);
    expect(read('libs/one/dist/a.js')).toMatch(/^const a = 1;\nexport \{\n {2}a\n\};\n/);
    expect(existsSync(join(base, 'libs/one/dist/deep/b.js'))).toBe(true);
    expect(existsSync(join(base, 'libs/one/dist/a.spec.js'))).toBe(false);
  });

  it('does nothing when nothing has changed', async () => {
    await buildAll(base);
    expect(await buildAll(base)).toBe(0);
  });

  it('writes what differs and leaves alone what does not, so that a running gateway keeps what it reads', async () => {
    await buildAll(base);
    const before = statSync(join(base, 'libs/one/dist/deep/b.js')).ino;
    write('libs/one/src/a.ts', 'export const a: number = 3;\n');
    expect(await buildAll(base)).toBe(2);
    expect(read('libs/one/dist/a.js')).toContain('a = 3');
    expect(statSync(join(base, 'libs/one/dist/deep/b.js')).ino).toBe(before);
  });

  it('removes what no longer has a source', async () => {
    await buildAll(base);
    rmSync(join(base, 'libs/one/src/deep'), { recursive: true });
    await buildAll(base);
    expect(existsSync(join(base, 'libs/one/dist/deep/b.js'))).toBe(false);
    expect(existsSync(join(base, 'libs/one/dist/a.js'))).toBe(true);
  });

  it('fails on a source that is none, and is not taken for done the next time', async () => {
    write('libs/one/src/a.ts', 'export const = ;\n');
    await expect(buildAll(base)).rejects.toThrow();
    await expect(buildAll(base)).rejects.toThrow();
  });
});
