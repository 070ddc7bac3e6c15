import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineEvent, type EventDeclaration } from './catalogue.js';
import { upcast } from './upcast.js';

const third = defineEvent({
  type: 'test.thing.changed',
  version: 3,
  topic: 'customhouse.calls',
  summary: 'A thing was changed.',
  schema: z.strictObject({ first: z.string(), last: z.string(), size: z.int() }),
  upcasters: {
    1: (data) => ({ name: (data as { title: string }).title, size: 0 }),
    2: (data) => {
      const { name, size } = data as { name: string; size: number };
      const [first, last] = name.split(' ');
      return { first, last, size };
    },
  },
});
const known = new Map<string, EventDeclaration>([[third.type, third]]);

describe('upcasting', () => {
  it('goes through every version between', () => {
    expect(upcast(third.type, 1, { title: 'Ann Lee' }, known)).toEqual({ data: { first: 'Ann', last: 'Lee', size: 0 } });
    expect(upcast(third.type, 2, { name: 'Ann Lee', size: 4 }, known)).toEqual({ data: { first: 'Ann', last: 'Lee', size: 4 } });
  });

  it('leaves the current version as it is', () => {
    const data = { first: 'Ann', last: 'Lee', size: 4 };
    expect(upcast(third.type, 3, data, known).data).toBe(data);
  });

  it('keeps a newer version as it was written, and says so', () => {
    const data = { from: 'the future' };
    expect(upcast(third.type, 4, data, known)).toEqual({ data, foreign: 'newer-version' });
  });

  it('keeps an unknown type as it was written, and says so', () => {
    expect(upcast('test.thing.invented', 1, 'anything', known)).toEqual({ data: 'anything', foreign: 'unknown-type' });
  });

  it('does not skip a missing upcaster', () => {
    const broken = new Map<string, EventDeclaration>([[third.type, { ...third, upcasters: { 1: third.upcasters[1]! } }]]);
    expect(() => upcast(third.type, 1, { title: 'Ann Lee' }, broken)).toThrow('no upcaster from version 2');
  });

  it('knows the real catalogue', () => {
    expect(upcast('call.aborted', 1, { call: 'x' })).toEqual({ data: { call: 'x' } });
  });
});
