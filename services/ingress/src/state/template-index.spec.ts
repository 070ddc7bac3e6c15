import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayMatch, takeTemplateApart } from '@customhouse/mcp-wire/resource-uris';
import { TemplateIndex } from './template-index.js';

describe('the index of templates', () => {
  it('finds the templates that match a URI, and no others', () => {
    const piece = fc.constantFrom('a', '/', 'b', '{x}', '{+y}');
    const template = fc.array(piece, { maxLength: 6 }).map((parts) => `x:${parts.join('')}`);
    const uri = fc.string({ unit: fc.constantFrom('a', '/', 'b'), maxLength: 8 }).map((rest) => `x:${rest}`);
    fc.assert(
      fc.property(fc.uniqueArray(template, { maxLength: 20 }), uri, (texts, text) => {
        const items = texts.map((name) => ({ name, parts: takeTemplateApart(name) }));
        const found = [...new TemplateIndex(items).matching(text)].map((item) => item.name);
        expect(found.sort()).toEqual(
          items
            .filter((item) => mayMatch(item.parts, text))
            .map((item) => item.name)
            .sort(),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});
