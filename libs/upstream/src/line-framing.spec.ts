import { describe, expect, it } from '@jest/globals';
import { LineFraming } from './line-framing.js';

describe('line framing', () => {
  it('gives the same lines wherever the pieces are cut', () => {
    const bytes = Buffer.from('first\r\n\nžlutý 🐎\nunfinished');
    for (let size = 1; size <= bytes.length; size += 1) {
      const lines: string[] = [];
      const framing = new LineFraming(100, (line) => lines.push(line));
      for (let at = 0; at < bytes.length; at += size) expect(framing.feed(bytes.subarray(at, at + size))).toBe(true);
      expect(lines).toEqual(['first', '', 'žlutý 🐎']);
    }
  });

  it.each([
    ['in one piece', ['123456\n']],
    ['without an end', ['123', '456']],
    ['over several pieces', ['123', '456\n']],
  ])('refuses a line that is longer than the limit: %s', (_what, pieces) => {
    const framing = new LineFraming(5, () => undefined);
    expect(pieces.map((piece) => framing.feed(Buffer.from(piece))).at(-1)).toBe(false);
  });

  it('takes a line of exactly the limit', () => {
    const lines: string[] = [];
    const framing = new LineFraming(5, (line) => lines.push(line));
    expect(framing.feed(Buffer.from('123'))).toBe(true);
    expect(framing.feed(Buffer.from('45\n12345\n'))).toBe(true);
    expect(lines).toEqual(['12345', '12345']);
  });
});
