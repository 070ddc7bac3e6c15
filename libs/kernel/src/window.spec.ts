import { describe, expect, it } from '@jest/globals';
import { Window } from './window.js';

describe('a count within a time that moves', () => {
  it('has what happened within it, and no more what happened before', () => {
    const window = new Window(60_000);
    for (const time of [1_000_000, 1_010_000, 1_030_000]) window.add(time);
    expect([1_030_000, 1_059_999, 1_062_000, 1_072_000, 1_092_000].map((now) => window.count(now))).toEqual([3, 3, 2, 1, 0]);
  });

  it('is never too short: what happened just within the time counts, wherever its part begins', () => {
    for (let shift = 0; shift < 1_000; shift += 37) {
      const window = new Window(60_000);
      window.add(1_000_000 + shift);
      expect(window.count(1_000_000 + shift + 59_999)).toBe(1);
      expect(window.count(1_000_000 + shift + 61_001)).toBe(0);
    }
  });

  it('goes on with what was kept of it', () => {
    const window = new Window(60_000);
    for (const time of [1_000_000, 1_010_000, 1_030_000]) window.add(time);
    const again = new Window(60_000, JSON.parse(JSON.stringify(window.counts)) as [number, number][]);
    again.add(1_040_000);
    expect([again.count(1_040_000), again.count(1_072_000), window.count(1_040_000)]).toEqual([4, 2, 3]);
  });

  it('keeps no more than it needs, however much happens', () => {
    const window = new Window(1_000);
    for (let time = 0; time < 1_000_000; time += 1) window.add(time);
    expect(window.count(999_999)).toBeLessThan(1_040);
  });
});
