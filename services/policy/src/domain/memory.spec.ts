import { expect, it } from '@jest/globals';
import { Memory } from './memory.js';

it('a memory forgets what was set longest ago when there is too much', () => {
  const memory = new Memory<number>(2);
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
  ] as const)
    memory.set(key, value);
  expect(['a', 'b', 'c'].map((key) => memory.get(key))).toEqual([3, undefined, 4]);
});

it('a memory tells what was set and forgotten since it was asked last, when it is watched', () => {
  const memory = new Memory<number>(2);
  memory.set('before', 0);
  expect(memory.changes()).toEqual([]);
  memory.watch();
  memory.set('a', 1);
  memory.set('b', 2);
  memory.delete('nothing');
  expect(memory.changes()).toEqual([
    ['a', 1],
    ['b', 2],
    ['before', undefined],
  ]);
  memory.delete('a');
  expect([memory.changes(), memory.changes()]).toEqual([[['a', undefined]], []]);
});
