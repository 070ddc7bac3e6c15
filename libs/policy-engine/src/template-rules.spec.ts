import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rule } from '../test/parts.js';
import { matches, takeApart } from './pattern.js';
import { isAboutTemplate } from './template-rules.js';

const about = (effect: 'allow' | 'refuse', pattern: string, template: string): boolean => isAboutTemplate(rule({ id: 'a', effect, tools: [pattern] }), 'files', template);

describe('rules and templates', () => {
  it.each([
    ['*/*', 'file:///{path}', true, true],
    ['files/file:///*', 'file:///{path}', true, true],
    ['files/file:///pub/*', 'file:///{path}', true, false],
    ['files/file:///pub/readme', 'file:///{path}', true, false],
    ['files/file:///pub/readme', 'file:///sub/{path}', false, false],
    ['files/demo://*', 'file:///{path}', false, false],
    ['files/*.txt', 'file:///{name}.md', false, false],
    ['files/*.txt', 'file:///{name}.txt', true, true],
    ['files/file:///{path}', 'file:///{path}', true, false],
    ['files/plain://x', 'plain://x', true, true],
    ['mail/*', 'file:///{path}', false, false],
  ])('%s and %s: allowing counts %s, refusing counts %s', (pattern, template, allows, refuses) => {
    expect([about('allow', pattern, template), about('refuse', pattern, template)]).toEqual([allows, refuses]);
  });

  it('what a rule allows of a template is never hidden, and what it does not refuse neither', () => {
    const piece = fc.constantFrom('a', '/', 'b', '{x}');
    const star = fc.constantFrom('a', '/', 'b', '*');
    const value = fc.string({ unit: fc.constantFrom('a', '/', 'b'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.array(star, { minLength: 1, maxLength: 6 }), value, (pieces, pattern, filled) => {
        const template = pieces.join('');
        const uri = template.replaceAll('{x}', filled);
        const text = pattern.join('');
        const met = matches(takeApart(text), uri);
        if (met) expect(about('allow', `files/${text}`, template)).toBe(true);
        else expect(about('refuse', `files/${text}`, template)).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });
});
