import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { catalogue } from '@customhouse/events/all';
import { defineEvent, type EventDeclaration } from '@customhouse/events/catalogue';
import { canonicalise } from '@customhouse/kernel/canonical';
import { z } from 'zod';
import { problemsOf, readCorpus, shapeDigest, type Corpus } from './corpus.js';

const real = readCorpus(catalogue, fileURLToPath(new URL('../fixtures', import.meta.url)));

describe('the corpus of recorded events', () => {
  it('can be read by the code as it is', () => {
    expect(problemsOf(real)).toEqual([]);
  });

  it('has every kind of transport, ending and status, so that no variant is forgotten', () => {
    const all = [...real.fixtures.values()].join('');
    for (const word of [
      '"kind":"http"',
      '"kind":"stdio"',
      '"effect":"allow"',
      '"effect":"refuse"',
      '"effect":"hold"',
      '"kind":"definition"',
      '"kind":"call"',
      '"kind":"jwt"',
      '"kind":"loopback"',
    ])
      expect(all).toContain(word);
  });
});

/** The test of the test: each violation, injected into a corpus that is in order. */
describe('the corpus test turns red', () => {
  const first = defineEvent({ type: 'test.thing.changed', version: 1, topic: 'customhouse.calls', summary: 'Changed.', schema: z.strictObject({ name: z.string() }) });
  const second = defineEvent({
    type: 'test.thing.changed',
    version: 2,
    topic: 'customhouse.calls',
    summary: 'Changed.',
    schema: z.strictObject({ name: z.string(), size: z.int() }),
    upcasters: { 1: (data) => ({ ...(data as object), size: 0 }) },
  });
  const chain = { instance: 'i-1', epoch: '1795352400000', sequence: '0000000000000001', previoushash: '' };
  const event = (version: number, data: unknown, change: object = {}) => ({
    specversion: '1.0',
    id: '01K9QZ4T0000000000000000AB',
    type: `customhouse.test.thing.changed.v${version}`,
    source: 'customhouse/test/i-1',
    subject: 'thing-1',
    time: '2026-11-22T13:00:00.000Z',
    datacontenttype: 'application/json',
    ...chain,
    data,
    ...change,
  });
  const file = (value: unknown) => `${canonicalise(value)}\n`;
  const v1 = ['test.thing.changed/v1/plain.json', file(event(1, { name: 'a' }))] as const;
  const v2 = ['test.thing.changed/v2/plain.json', file(event(2, { name: 'a', size: 1 }))] as const;
  const frozen = { 1: shapeDigest(first), 2: shapeDigest(second) };

  function corpus(declaration: EventDeclaration, fixtures: readonly (readonly [string, string])[], digests: Record<string, string>): Corpus {
    return { catalogue: new Map([[declaration.type, declaration]]), fixtures: new Map(fixtures), digests: { [first.type]: digests } };
  }

  it('not for corpora that are in order', () => {
    expect(problemsOf(corpus(first, [v1], { 1: frozen[1] }))).toEqual([]);
    expect(problemsOf(corpus(second, [v1, v2], frozen))).toEqual([]);
  });

  it.each<[string, Corpus, string]>([
    ['a missing fixture', corpus(first, [], { 1: frozen[1] }), 'version 1 has no fixture'],
    ['a new version without a fixture', corpus(second, [v1], frozen), 'version 2 has no fixture'],
    ['a fixture of an old version that was removed', corpus(second, [v2], frozen), 'version 1 has no fixture'],
    ['a new version that was not frozen', corpus(second, [v1, v2], { 1: frozen[1] }), 'version 2 is not frozen'],
    [
      'a schema edited in place',
      corpus({ ...first, schema: z.strictObject({ name: z.string(), note: z.string().optional() }) }, [v1], { 1: frozen[1] }),
      'was edited in place: make it version 2',
    ],
    ['a narrower schema', corpus({ ...first, schema: z.strictObject({ name: z.string().max(10) }) }, [v1], { 1: frozen[1] }), 'was edited in place'],
    ['a missing upcaster', corpus({ ...second, upcasters: {} }, [v1, v2], frozen), 'has no upcaster from version 1'],
    ['an upcaster from the current version', corpus({ ...first, upcasters: { 1: (data) => data } }, [v1], { 1: frozen[1] }), 'has an upcaster from version 1, and is version 1'],
    ['an upcaster that makes something else', corpus({ ...second, upcasters: { 1: (data) => data } }, [v1, v2], frozen), 'does not fit version 2'],
    ['an upcaster that fails', corpus({ ...second, upcasters: { 1: () => JSON.parse('{') as unknown } }, [v1, v2], frozen), 'cannot be brought to version 2'],
    ['a type that was removed from the catalogue', { ...corpus(first, [v1], { 1: frozen[1] }), catalogue: new Map() }, 'not in the catalogue'],
    ['a version that was taken back', corpus(first, [v1, v2], frozen), 'version 2 is in the corpus and not in the catalogue'],
    ['a fixture that does not fit', corpus(first, [[v1[0], file(event(1, { name: 1 }))]], { 1: frozen[1] }), 'does not fit version 1'],
    ['a fixture with an unknown member', corpus(first, [[v1[0], file(event(1, { name: 'a', more: 1 }))]], { 1: frozen[1] }), 'does not fit version 1'],
    ['a fixture of another type', corpus(first, [[v1[0], file(event(2, { name: 'a' }))]], { 1: frozen[1] }), 'holds a customhouse.test.thing.changed.v2'],
    ['a fixture that is no event', corpus(first, [[v1[0], file(event(1, { name: 'a' }, { time: '2026-11-22' }))]], { 1: frozen[1] }), 'is not an event'],
    [
      'a fixture without a chain on a topic of facts',
      corpus(first, [[v1[0], file(event(1, { name: 'a' }, { sequence: undefined }))]], { 1: frozen[1] }),
      'has no whole source chain',
    ],
    ['a fixture with a chain on a state topic', corpus({ ...first, topic: 'customhouse.state.keys' }, [v1], { 1: frozen[1] }), 'has a source chain'],
    ['a fixture in another order', corpus(first, [[v1[0], JSON.stringify(event(1, { name: 'a' }))]], { 1: frozen[1] }), 'is not in canonical form'],
    ['a damaged fixture', corpus(first, [[v1[0], v1[1].slice(0, -5)]], { 1: frozen[1] }), 'is not JSON'],
    ['a fixture in a strange place', corpus(first, [v1, ['thing.json', v1[1]]], { 1: frozen[1] }), 'is not where a fixture belongs'],
    ['a schema with a default', corpus({ ...first, schema: z.strictObject({ name: z.string(), size: z.int().default(1) }) }, [v1], { 1: frozen[1] }), 'no defaults or transforms'],
  ])('for %s', (_, broken, problem) => {
    expect(problemsOf(broken).join('\n')).toContain(problem);
  });

  it('not for other words in a description', () => {
    const described = { ...first, schema: z.strictObject({ name: z.string().describe('Its name.') }).describe('A thing.') };
    expect(problemsOf(corpus(described, [v1], { 1: frozen[1] }))).toEqual([]);
  });
});
