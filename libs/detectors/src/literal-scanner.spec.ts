import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { literalScanner } from './literal-scanner.js';

function hits(literals: readonly string[], text: string): string[] {
  const found: string[] = [];
  literalScanner(literals).scan(text, (literal, end) => {
    found.push(`${literals[literal]}@${end}`);
    return true;
  });
  return found.sort();
}

function naive(literals: readonly string[], text: string): string[] {
  const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const found: string[] = [];
  for (const literal of literals)
    for (let at = lower.indexOf(literal.toLowerCase()); at >= 0; at = lower.indexOf(literal.toLowerCase(), at + 1)) found.push(`${literal}@${at + literal.length}`);
  return found.sort();
}

describe('the literal scanner', () => {
  it('finds what a naive search finds, overlaps and ends of text included', () => {
    const alphabet = fc.constantFrom('a', 'B', 'b', '_', '-', '.', ' ', '1', '@', '`');
    const literal = fc.string({ unit: alphabet, minLength: 3, maxLength: 7 });
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 8 }), fc.string({ unit: alphabet, maxLength: 60 }), (literals, text) => {
        const distinct = [...new Set(literals.map((one) => one.toLowerCase()))];
        expect(hits(distinct, text)).toEqual(naive(distinct, text));
      }),
      { numRuns: 500 },
    );
  });

  it('is not confused by characters outside ASCII in front of a literal', () => {
    expect(hits(['ghp_', 'aws'], '中ghp_ éaws')).toEqual(['aws@10', 'ghp_@5']);
  });

  it('says whether the text is ASCII', () => {
    const scanner = literalScanner(['word']);
    expect([scanner.scan('plain\n', () => true), scanner.scan('plain ü', () => true), scanner.scan('', () => true)]).toEqual([true, false, true]);
  });

  it('stops when the caller has had enough', () => {
    let calls = 0;
    literalScanner(['word']).scan('word word word', () => {
      calls += 1;
      return calls < 2;
    });
    expect(calls).toBe(2);
  });

  it.each(['', 'ab', 'naïve', 'line\nbreak'])('does not take the literal %j', (literal) => expect(() => literalScanner([literal])).toThrow(RangeError));
});
