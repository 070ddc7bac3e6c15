import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AlreadyRunning, announce, claim, readRunning, release } from './running.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-running-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const started = '2026-11-22T10:00:00.000Z';
const file = () => join(folder, 'running.json');

describe('running.json', () => {
  it('is absent where nothing ever ran', () => {
    expect(readRunning(folder)).toEqual({ state: 'absent' });
    expect(readRunning(join(folder, 'nowhere'))).toEqual({ state: 'absent' });
  });

  it('says that an instance starts, then where it is, then nothing', () => {
    const own = claim(folder, started);
    expect(readRunning(folder)).toEqual({ state: 'starting', running: own });
    const ready = { ...own, state: 'ready', mcp: 'http://127.0.0.1:1/mcp', api: 'http://127.0.0.1:2', operator_key_file: '/k' } as const;
    announce(ready);
    expect(readRunning(folder)).toEqual({ state: 'ready', running: ready });
    release(folder);
    expect(readRunning(folder)).toEqual({ state: 'absent' });
  });

  it('can be read by its owner only', () => {
    const own = claim(folder, started);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    announce({ ...own, state: 'ready' });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('keeps a second instance away from the same data', () => {
    claim(folder, started);
    expect(() => claim(folder, started)).toThrow(AlreadyRunning);
    expect(() => claim(folder, started)).toThrow(`process ${process.pid} already starts on ${folder}`);
  });

  it('does not hold the data for a process that is gone', () => {
    const own = claim(folder, started);
    writeFileSync(file(), JSON.stringify({ ...own, pid: 2 ** 22 - 1 }));
    expect(readRunning(folder)).toEqual({ state: 'stale', pid: 2 ** 22 - 1 });
    expect(claim(folder, started)).toEqual(own);
  });

  it('does not take another process with the same number for the one that wrote it', () => {
    const own = claim(folder, started);
    writeFileSync(file(), JSON.stringify({ ...own, identity: 'an earlier boot' }));
    expect(readRunning(folder)).toEqual({ state: 'stale', pid: process.pid });
    expect(JSON.parse(readFileSync(file(), 'utf8')).identity).toBe('an earlier boot');
  });

  it.each(['', '{"version":', '{"version":2}', 'null'])('counts a torn or foreign file as stale: %s', (text) => {
    writeFileSync(file(), text);
    expect(readRunning(folder).state).toBe('stale');
    expect(claim(folder, started).state).toBe('starting');
  });
});
