import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keptText, randomSecret } from './secret-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a text that is kept', () => {
  it('is made once, for its owner only, and read afterwards', () => {
    const path = join(folder, 'operator-key');
    const made = keptText(path, () => randomSecret('chk_'));
    expect(made).toMatch(/^chk_[A-Za-z0-9_-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(keptText(path, () => 'another')).toBe(made);
    expect(readdirSync(folder)).toEqual(['operator-key']);
  });

  it('is not made anew when its file is empty', () => {
    const path = join(folder, 'operator-key');
    writeFileSync(path, '\n');
    expect(() => keptText(path, () => 'another')).toThrow(`${path} is empty`);
    expect(readFileSync(path, 'utf8')).toBe('\n');
  });
});
