import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { passedLimit } from './json-limits.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const look = (text: string, depth = 4, members = 8): string | undefined => passedLimit(bytes(text), { depth, members });

describe('the limits of a JSON text', () => {
  it.each([
    ['[[[[1]]]]', undefined],
    ['[[[[[1]]]]]', 'depth'],
    ['{"a":{"b":{"c":{"d":1}}}}', undefined],
    ['{"a":{"b":{"c":{"d":{"e":1}}}}}', 'depth'],
    ['{"a":"[[[[[[[["}', undefined],
    ['{"a":"\\"[[[[[[[["}', undefined],
    ['{"a":"\\\\"}', undefined],
    ['["\\\\\\"[[[[[[","]]"]', undefined],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8}', undefined],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}', 'members'],
    ['{"a":",,,,,,,,,,,,"}', undefined],
    ['"never closed [[[[[[[[[', undefined],
    ['', undefined],
  ])('%s passes %s', (text, expected) => {
    expect(look(text)).toBe(expected);
  });

  it('takes a million open brackets without recursion', () => {
    expect(look('['.repeat(1_000_000), 2_000_000, 2_000_000)).toBeUndefined();
    expect(look('['.repeat(1_000_000))).toBe('depth');
  });

  it('takes a string of backslashes and quotes in linear time', () => {
    const started = performance.now();
    expect(look(`"${'\\\\'.repeat(500_000)}${'\\"'.repeat(500_000)}"`)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('measures the depth that a recursive count of the parsed value gives', () => {
    const depthOf = (value: unknown): number => (typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const depth = depthOf(value);
        const text = bytes(JSON.stringify(value));
        expect(passedLimit(text, { depth, members: 1e6 })).toBeUndefined();
        if (depth > 0) expect(passedLimit(text, { depth: depth - 1, members: 1e6 })).toBe('depth');
      }),
    );
  });
});
