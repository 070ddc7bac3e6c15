import { describe, expect, it } from '@jest/globals';
import { StderrCapture } from './stderr-capture.js';

// Put together here, so that no scanner of repositories takes it for one.
const credential = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');

interface Written {
  readonly level: string;
  readonly [field: string]: unknown;
}

function capture(limits = { line_characters: 50, lines_per_minute: 3 }): { written: Written[]; stderr: StderrCapture; clock: { now: number } } {
  const written: Written[] = [];
  const clock = { now: 0 };
  const write =
    (level: string) =>
    (fields: object): void =>
      void written.push({ level, ...fields });
  const stderr = new StderrCapture({ debug: write('debug'), info: write('info'), warn: write('warn') }, limits, () => clock.now);
  return { written, stderr, clock };
}

describe('the standard error of a server', () => {
  it('is logged line by line, however it arrives', () => {
    const { written, stderr } = capture();
    for (const part of ['one\ntw', 'o\n\n  \r\nthr', 'ée']) stderr.feed(Buffer.from(part));
    stderr.end();
    expect(written).toEqual([
      { level: 'info', stderr: 'one' },
      { level: 'info', stderr: 'two' },
      { level: 'info', stderr: 'thrée' },
    ]);
  });

  it('is logged without credentials and control characters', () => {
    const { written, stderr } = capture({ line_characters: 500, lines_per_minute: 3 });
    stderr.feed(Buffer.from(`\u001b[31mtoken ${credential}\u001b[0m\tnext\u0007\n`));
    expect(written[0]!['stderr']).toBe('token [credential removed] next ');
  });

  it('is cut where a line is too long, and keeps nothing of the rest', () => {
    const { written, stderr } = capture();
    for (let index = 0; index < 1_000; index += 1) stderr.feed(Buffer.from('x'.repeat(1_000)));
    stderr.feed(Buffer.from('\nnext\n'));
    expect(written).toEqual([
      { level: 'info', stderr: 'x'.repeat(50), cut: true },
      { level: 'info', stderr: 'next' },
    ]);
  });

  it('is left out beyond so many lines a minute, and the log says how many', () => {
    const { written, stderr, clock } = capture();
    stderr.feed(Buffer.from('1\n2\n3\n4\n5\n'));
    clock.now = 60_000;
    stderr.feed(Buffer.from('6\n'));
    expect(written.map((one) => one['stderr'] ?? one['lines'])).toEqual(['1', '2', '3', 2, '6']);
  });
});
