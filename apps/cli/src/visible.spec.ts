import { describe, expect, it } from '@jest/globals';
import { visibleBlock, visibleLine } from './visible.js';

describe('text of others on a terminal', () => {
  it.each([
    ['an escape sequence', '\u001b[2Jgone', '\\u{1b}[2Jgone'],
    ['a C1 control', '\u009b31m', '\\u{9b}31m'],
    ['a carriage return that overwrites', 'rm -rf /\rls', 'rm -rf /\\rls'],
    ['a right-to-left override', 'exe.\u202egpj', 'exe.\\u{202e}gpj'],
    ['a zero-width space', 'pay\u200bpal', 'pay\\u{200b}pal'],
    ['a tag character', 'hi\u{e0041}', 'hi\\u{e0041}'],
    ['a Hangul filler', 'a\u3164b', 'a\\u{3164}b'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['line breaks', 'one\ntwo\u2028three', 'one\\ntwo\\u{2028}three'],
  ])('shows %s instead of obeying it', (_, text, expected) => {
    expect(visibleLine(text)).toBe(expected);
  });

  it('leaves what can be seen as it is', () => {
    expect(visibleLine('Größe, 日本語, 🙂, a\\b')).toBe('Größe, 日本語, 🙂, a\\b');
  });

  it('keeps the lines of a block', () => {
    expect(visibleBlock('one\r\n\ttwo\u001b[0m\rthree')).toBe('one\n\ttwo\\u{1b}[0m\\rthree');
  });
});
