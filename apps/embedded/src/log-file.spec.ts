import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLogFile } from './log-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the log file', () => {
  it('has every line at once, and only errors are said aloud', () => {
    const path = join(folder, 'customhouse.log');
    const errors: string[] = [];
    const log = openLogFile(path, (message) => errors.push(message));
    log.write('{"level":"info","msg":"fine"}\n');
    log.write('{"level":"error","error":{"message":"no such table"},"msg":"the outbox cannot be shipped"}\n');
    log.write('{"level":"fatal","msg":"ended"}\n');
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4);
    expect(errors).toEqual(['the outbox cannot be shipped: no such table', 'ended']);
    expect(log.last).toBe('ended');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    log.close();
  });

  it('does not say the same error again and again', () => {
    const errors: string[] = [];
    let time = 0;
    const log = openLogFile(
      join(folder, 'customhouse.log'),
      (message) => errors.push(message),
      () => time,
    );
    for (time = 0; time <= 60_000; time += 100) log.write('{"level":"error","msg":"the database is away"}\n');
    log.write('{"level":"error","msg":"another"}\n');
    log.close();
    expect(errors).toEqual(['the database is away', 'the database is away', 'the database is away', 'another']);
  });

  it('begins anew when it has grown, and keeps the old one beside it', () => {
    const path = join(folder, 'customhouse.log');
    writeFileSync(path, 'x'.repeat(10 * 1024 * 1024 + 1));
    openLogFile(path, () => undefined).close();
    expect(statSync(path).size).toBe(0);
    expect(statSync(`${path}.1`).size).toBe(10 * 1024 * 1024 + 1);
  });
});
