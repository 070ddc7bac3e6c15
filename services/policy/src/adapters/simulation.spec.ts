import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { portions } from './simulation.js';

it('sealed arguments are read in portions that fit, in order and each once, however large those of one call are', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200)), fc.integer({ min: 1, max: 100 }), (sizes, most) => {
      const calls = sizes.map((bytes, number) => ({ bytes, number }));
      const read = [...portions(calls, most)];
      expect(read.map(([call]) => call)).toEqual(calls);
      const each = [...new Set(read.map(([, portion]) => portion))];
      expect(each.flat()).toEqual(calls);
      for (const [call, portion] of read) expect(portion).toContain(call);
      for (const portion of each) expect(portion.length === 1 || portion.reduce((sum, { bytes }) => sum + bytes, 0) <= most).toBe(true);
    }),
  );
});

it('sealed arguments of small calls are read together', () => {
  const calls = [10, 20, 30, 40].map((bytes) => ({ bytes }));
  expect([...new Set([...portions(calls, 60)].map(([, portion]) => portion))].map((portion) => portion.map(({ bytes }) => bytes))).toEqual([[10, 20, 30], [40]]);
});
