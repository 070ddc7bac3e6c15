import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfiguration, replaceConfiguration } from './file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-configuration-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const now = new Date('2026-11-22T13:00:00.123Z');
const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('a configuration file', () => {
  it('is made with its folders where there was none, and needs no backup', () => {
    const path = join(folder, 'deep/er/mcp.json');
    expect(readConfiguration(path)).toBe('');
    expect(replaceConfiguration(path, '{}', { secret: false, now })).toBeUndefined();
    expect(readConfiguration(path)).toBe('{}');
    expect(readdirSync(join(folder, 'deep/er'))).toEqual(['mcp.json']);
  });

  it('keeps its mode, and what was in it beside it', () => {
    const path = join(folder, 'mcp.json');
    writeFileSync(path, 'old', { mode: 0o640 });
    const backup = replaceConfiguration(path, 'new', { secret: false, now });
    expect(backup).toBe(`${path}.backup-20261122T130000Z`);
    expect(readFileSync(backup!, 'utf8')).toBe('old');
    expect([modeOf(path), modeOf(backup!)]).toEqual([0o640, 0o640]);
    expect(readdirSync(folder)).toEqual(['mcp.json', 'mcp.json.backup-20261122T130000Z']);
  });

  it('is closed to others when it holds a secret', () => {
    const path = join(folder, 'mcp.json');
    writeFileSync(path, 'old', { mode: 0o644 });
    replaceConfiguration(path, 'chk_…', { secret: true, now });
    expect(modeOf(path)).toBe(0o600);
  });

  it('may be a link, which stays one', () => {
    writeFileSync(join(folder, 'dotfiles.json'), 'old');
    symlinkSync('dotfiles.json', join(folder, 'mcp.json'));
    replaceConfiguration(join(folder, 'mcp.json'), 'new', { secret: false, now });
    expect(lstatSync(join(folder, 'mcp.json')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'dotfiles.json'), 'utf8')).toBe('new');
  });

  it('that cannot be read or written is named', () => {
    expect(() => readConfiguration(folder)).toThrow(`cannot read ${folder}: it is a folder`);
    writeFileSync(join(folder, 'file'), '');
    expect(() => replaceConfiguration(join(folder, 'file/mcp.json'), '', { secret: false, now })).toThrow(`cannot write ${folder}/file/mcp.json: `);
  });
});
