import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '@customhouse/kernel/canonical';
import { forHtml, forSlack, forSlackCode, forSlackWithin, slackCodeBlocks } from './markup.js';
import { render } from './rendering.js';

const undoSlack = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const inside = (block: string): string => undoSlack(block.slice(4, -4)).replaceAll('\\u{60}', '`');

describe('text in a page', () => {
  it.each([
    ['an element', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['the end of an attribute', '" onclick="x', '&quot; onclick=&quot;x'],
    ['an entity', '&lt;b&gt;', '&amp;lt;b&amp;gt;'],
    ['the end of an attribute in single quotes', "' x='", '&#39; x=&#39;'],
  ])('keeps %s text', (_, text, expected) => expect(forHtml(text)).toBe(expected));
});

describe('text in Slack', () => {
  it.each([
    ['a mention of everybody', '<!channel>', '&lt;!channel&gt;'],
    ['a link that shows another address', '<https://evil.example|https://bank.example>', '&lt;https://evil.example|https://bank.example&gt;'],
    ['an entity', '&lt;!here&gt;', '&amp;lt;!here&amp;gt;'],
    ['a text that is turned round', 'a\u202Eb', 'a\\u{202E}b'],
    ['a line that is not ours', 'alice\nperson: bob', 'alice\\u{000A}person: bob'],
  ])('neutralises %s', (_, text, expected) => expect(forSlack(text)).toBe(expected));
});

describe('text that is too long for Slack', () => {
  it('is cut off between two characters, and never in the middle of what stands for one', () => {
    expect(forSlackWithin('a<b', 100)).toBe('a&lt;b');
    expect(forSlackWithin('a<b', 5)).toBe('a…');
    expect(forSlackWithin('<<<', 10)).toBe('&lt;&lt;…');
    expect(forSlackWithin(`a\u202E`, 8)).toBe('a…');
  });
});

describe('a rendering in a code block of Slack', () => {
  it('cannot end the block, nor be anything but text', () => {
    expect(forSlackCode('  /memo = "``` *bold* <@U1> & `"')).toBe('```\n  /memo = "\\u{60}\\u{60}\\u{60} *bold* &lt;@U1&gt; &amp; \\u{60}"\n```');
  });

  it('is the rendering again when what Slack does is undone, for any arguments', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const { text } = render({ facts: [['tool', 'x']], arguments: { opened: value as Json } }, (long) => `<${long.length}>`, { value_chars: 200, values_count: 50 });
        const block = forSlackCode(text);
        expect(inside(block)).toBe(text);
        expect(block.slice(3, -3)).not.toMatch(/[`<>]|&(?!amp;|lt;|gt;)/);
      }),
    );
  });

  it('is several blocks when it is long, with every line whole and in order', () => {
    const lines = Array.from({ length: 40 }, (_, index) => `  /value-${index} = ${'x'.repeat(40)}`);
    const blocks = slackCodeBlocks(lines.join('\n'), 500, 10)!;
    expect(blocks.length).toBeGreaterThan(3);
    expect(Math.max(...blocks.map((block) => block.length))).toBeLessThanOrEqual(500);
    expect(blocks.map(inside).join('\n')).toBe(lines.join('\n'));
  });

  it('is nothing at all when it does not fit: a part is never shown for the whole', () => {
    expect(slackCodeBlocks('x'.repeat(501), 500, 10)).toBeUndefined();
    expect(slackCodeBlocks(`a\n${'x'.repeat(501)}`, 500, 10)).toBeUndefined();
    expect(slackCodeBlocks(Array.from({ length: 100 }, () => 'x'.repeat(90)).join('\n'), 500, 3)).toBeUndefined();
    expect(slackCodeBlocks('<'.repeat(200), 500, 10)).toBeUndefined();
  });
});
