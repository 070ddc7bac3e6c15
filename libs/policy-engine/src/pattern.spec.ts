import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matches, takeApart } from './pattern.js';

/** The meaning of a pattern, written as a recursion that nobody could get wrong and nobody should run on long texts. */
function means(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] !== '*') return text !== '' && text[0] === pattern[0] && means(pattern.slice(1), text.slice(1));
  return means(pattern.slice(1), text) || (text !== '' && means(pattern, text.slice(1)));
}

describe('a pattern of names', () => {
  it.each([
    ['claude', 'claude'],
    ['*', ''],
    ['*', 'anything\nat all'],
    ['ci-*', 'ci-'],
    ['*@example.com', 'ann@example.com'],
    ['a*b*c', 'a-b-c'],
    ['a**c', 'ac'],
    ['a*bb*bb*e', 'abbbbe'],
    ['[a]?{b}\\', '[a]?{b}\\'],
  ])('%j matches %j', (pattern, text) => {
    expect(matches(takeApart(pattern), text)).toBe(true);
  });

  it.each([
    ['claude', 'Claude'],
    ['claude', 'claude '],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'a-c-b'],
    ['a*bb*bb*e', 'abbbe'],
    ['a?c', 'abc'],
    ['[ab]', 'a'],
    ['.*', 'anything'],
  ])('%j does not match %j', (pattern, text) => {
    expect(matches(takeApart(pattern), text)).toBe(false);
  });

  it('means what the recursive definition says, for every pattern and text', () => {
    const letters = fc.constantFrom('a', 'b', 'ab', '*', '**', 'ü', '👍', '.', '\n');
    const pattern = fc.array(letters, { maxLength: 9 }).map((parts) => parts.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', 'ab', 'ü', '👍', '.', '\n'), { maxLength: 9 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, text, (asked, given) => matches(takeApart(asked), given) === means(asked, given)),
      { numRuns: 3000 },
    );
  });

  it('is not stalled by a text made to make it search again and again', () => {
    const parts = takeApart('*aaaaaaaaaaaaaaaaaaaab*aaaaaaaaaaaaaaaaaaaab*c');
    const begun = performance.now();
    for (let round = 0; round < 10; round += 1) expect(matches(parts, 'a'.repeat(100_000))).toBe(false);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
