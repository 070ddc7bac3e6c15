import { describe, expect, it } from '@jest/globals';
import { RecentMap } from './recent-map.js';

describe('a map of recent entries', () => {
  it('never holds more than its limit', () => {
    const map = new RecentMap<number, number>(3);
    for (let index = 0; index < 100; index += 1) map.set(index, index);
    expect(map.size).toBe(3);
    expect([97, 98, 99].map((key) => map.get(key))).toEqual([97, 98, 99]);
  });

  it('lets go of what has not been used for longest', () => {
    const map = new RecentMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect(map.get('b')).toBeUndefined();
    expect(map.get('a')).toBe(1);
  });
});
