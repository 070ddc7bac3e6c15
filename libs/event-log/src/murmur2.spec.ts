import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { murmur2 as platformatic } from '@platformatic/kafka';
import { murmur2, partitionOfKey } from './murmur2.js';

const kafkajs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (key: Buffer) => number;

describe('the hash of keys', () => {
  // From Kafka's own tests (UtilsTest).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is that of Kafka for %s', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('is that of both client libraries, for every length and any byte', () => {
    for (let length = 1; length < 200; length += 1) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 89 + length * 31) % 256));
      expect(murmur2(bytes)).toBe(kafkajs(bytes));
      expect(murmur2(bytes) & 0x7fffffff).toBe(platformatic(bytes) & 0x7fffffff);
    }
  });

  it('chooses a partition within the range, for every key', () => {
    for (const key of ['', 'a', 'ü', '😀', 'x'.repeat(1000)]) {
      expect(partitionOfKey(key, 1)).toBe(0);
      expect(partitionOfKey(key, 7)).toBeGreaterThanOrEqual(0);
      expect(partitionOfKey(key, 7)).toBeLessThan(7);
    }
  });
});
