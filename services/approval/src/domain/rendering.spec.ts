import { describe, expect, it } from '@jest/globals';
import type { Json } from '@customhouse/kernel/canonical';
import { render, visible } from './rendering.js';

const limits = { value_chars: 100, values_count: 10 };
const digest = (text: string): string => `<${text.length}>`;
const shown = (opened: Json, changes = {}) => render({ facts: [['tool', 'transfer']], arguments: { opened } }, digest, { ...limits, ...changes });
const lines = (opened: Json, changes = {}): string[] => shown(opened, changes).text.split('\n').slice(2);

describe('what is shown to an approver', () => {
  it('is every argument, one line each, with its type visible', () => {
    expect(shown({ to: 'DE02', amount: 10.5, urgent: true, memo: null, tags: ['a', 'b'], nested: { deep: [{ x: '1' }] }, none: {}, empty: [] }).text.split('\n')).toEqual([
      'tool: transfer',
      'arguments:',
      '  /amount = 10.5',
      '  /empty = []',
      '  /memo = null',
      '  /nested/deep/0/x = "1"',
      '  /none = {}',
      '  /tags/0 = "a"',
      '  /tags/1 = "b"',
      '  /to = "DE02"',
      '  /urgent = true',
    ]);
  });

  it('does not depend on the order in which the arguments were sent', () => {
    expect(shown({ b: 1, a: { d: 2, c: 3 } })).toEqual(shown({ a: { c: 3, d: 2 }, b: 1 }));
  });

  it('is complete when there is nothing to show', () => {
    expect(shown({})).toEqual({ text: 'tool: transfer\narguments:\n  (all) = {}', complete: true });
  });

  it('tells look-alikes apart: a number and its text, a path and a name with a slash', () => {
    expect(lines({ a: 1, b: '1' })).toEqual(['  /a = 1', '  /b = "1"']);
    expect(lines({ 'a/b': 1 })).not.toEqual(lines({ a: { b: 1 } }));
    expect(lines({ '': 1 })).toEqual(['  / = 1']);
  });

  it.each([
    ['a right-to-left override', 'invoice\u202Efdp.exe', '"invoice\\u{202E}fdp.exe"'],
    ['an isolate', '\u2066x\u2069', '"\\u{2066}x\\u{2069}"'],
    ['a zero-width space', 'pay\u200Bpal', '"pay\\u{200B}pal"'],
    ['a Hangul filler', 'a\u3164b', '"a\\u{3164}b"'],
    ['tag characters', 'a\u{E0041}', '"a\\u{E0041}"'],
    ['a no-break space', 'a\u00A0b', '"a\\u{00A0}b"'],
    ['a line separator', 'a\u2028b', '"a\\u{2028}b"'],
    ['a variation selector', 'a\uFE0F', '"a\\u{FE0F}"'],
    ['an escape sequence for the terminal', 'a\u001B[2Kb', '"a\\u001b[2Kb"'],
    ['a line break', 'a\nb', '"a\\nb"'],
    ['a C1 control', 'a\u009Bb', '"a\\u{009B}b"'],
    ['a lone surrogate', 'a\uD800', '"a\\ud800"'],
    ['what looks like our own notation', 'a\\u{202E}', '"a\\\\u{202E}"'],
  ])('writes out %s', (_, value, expected) => {
    expect(lines({ v: value })).toEqual([`  /v = ${expected}`]);
  });

  it('leaves letters of all languages and ordinary spaces alone', () => {
    expect(visible('Grüße an 東京, здравствуйте, مرحبا 👍')).toBe('Grüße an 東京, здравствуйте, مرحبا 👍');
  });

  it('quotes a name that could be taken for a value or a line', () => {
    expect(lines({ 'to = "good"\n  /x': 'evil' })).toEqual(['  "/to = \\"good\\"\\n  ~1x" = "evil"']);
    expect(lines({ 'a\u202Eb': 1 })).toEqual(['  "/a\\u{202E}b" = 1']);
    expect(lines({ 'a\\u{202E}b': 1 })).toEqual(['  "/a\\\\u{202E}b" = 1']);
  });

  it('neutralises the facts as well', () => {
    const { text } = render({ facts: [['person', 'alice\ntool: harmless\u202E\\u{202E}']], arguments: { opened: {} } }, digest, limits);
    expect(text.split('\n')[0]).toBe('person: alice\\u{000A}tool: harmless\\u{202E}\\\\u{202E}');
  });

  it('says that a long value is hidden, with its length and digest', () => {
    const result = shown({ body: 'x'.repeat(200), to: 'a' });
    expect(result.text.split('\n').slice(2)).toEqual(['  /body = hidden (long), 202 characters, digest <202>', '  /to = "a"']);
    expect(result.complete).toBe(false);
  });

  it('hides a value in which a credential was found, and all that is below it', () => {
    const secret = (path: readonly string[]): boolean => path.join('/') === 'headers' || path.join('/') === 'items/1';
    const { text, complete } = render({ facts: [], arguments: { opened: { headers: { authorization: 'x' }, items: ['a', 'b', 'c'] } }, secret }, digest, limits);
    expect(text.split('\n').slice(1)).toEqual([
      '  /headers = hidden (credential), 21 characters, digest <21>',
      '  /items/0 = "a"',
      '  /items/1 = hidden (credential), 3 characters, digest <3>',
      '  /items/2 = "c"',
    ]);
    expect(complete).toBe(false);
  });

  it('says what it left out when there are too many values', () => {
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`k${String(index).padStart(2, '0')}`, index]));
    const result = shown(many);
    expect(result.text.split('\n').slice(11)).toEqual(['  /k09 = 9', expect.stringMatching(/^ {2}… and 3 more: hidden, \d+ characters, digest <\d+>$/)]);
    expect(result.complete).toBe(false);
    expect(shown(many, { values_count: 13 }).complete).toBe(true);
  });

  it('hides what is nested too deep instead of following it', () => {
    let value: Json = 'bottom';
    for (let depth = 0; depth < 500; depth += 1) value = [value];
    const result = shown(value);
    expect(result.complete).toBe(false);
    expect(result.text).toContain('hidden (nested too deep)');
  });

  it('says that arguments that cannot be opened are hidden', () => {
    const result = render({ facts: [], arguments: { hidden: 'their key was destroyed', digest: 'abc' } }, digest, limits);
    expect(result).toEqual({ text: 'arguments: hidden (their key was destroyed), digest abc', complete: false });
  });

  it('is different whenever a value is different, also a hidden one', () => {
    const keyed = (text: string): string => `<${text}>`;
    const one = render({ facts: [], arguments: { opened: { a: 'x'.repeat(200) } } }, keyed, limits);
    const other = render({ facts: [], arguments: { opened: { a: `${'x'.repeat(199)}y` } } }, keyed, limits);
    expect(one.text).not.toBe(other.text);
  });
});
