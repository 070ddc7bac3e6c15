import { describe, expect, it } from '@jest/globals';
import { annotationsOf, cautious } from './annotations.js';

describe('what a tool says of itself', () => {
  it.each<[string, unknown, Partial<typeof cautious>]>([
    ['nothing: it may destroy something and reaches the outside', undefined, {}],
    ['null', null, {}],
    ['no object', 'readOnlyHint', {}],
    ['a list', [true], {}],
    ['texts in place of booleans', { readOnlyHint: 'true', destructiveHint: 'false' }, {}],
    ['that it only reads, so it destroys nothing and may be repeated', { readOnlyHint: true }, { read_only: true, destructive: false, idempotent: true }],
    [
      'that it only reads and destroys, which cannot be',
      { readOnlyHint: true, destructiveHint: true, idempotentHint: false },
      { read_only: true, destructive: false, idempotent: true },
    ],
    ['that it destroys nothing', { destructiveHint: false }, { destructive: false }],
    ['that it may be repeated', { idempotentHint: true }, { idempotent: true }],
    ['that it stays inside', { openWorldHint: false, title: 'Notes' }, { open_world: false }],
  ])('%s', (_, hints, said) => {
    expect(annotationsOf(hints)).toEqual({ read_only: false, destructive: true, idempotent: false, open_world: true, ...said });
  });

  it('is in canonical order, because it is written into events', () => {
    expect(Object.keys(annotationsOf({ readOnlyHint: true }))).toEqual(['destructive', 'idempotent', 'open_world', 'read_only']);
    expect(Object.isFrozen(cautious)).toBe(true);
  });
});
