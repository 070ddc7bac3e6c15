import { describe, expect, it } from '@jest/globals';
import { catalogue } from './all.js';
import { eventTopics, parseWireType, stateTopics, wireType } from './catalogue.js';

describe('the catalogue', () => {
  it.each([...catalogue.values()].map((declaration) => [declaration.type, declaration] as const))('%s has a name, a sentence and a topic', (_, declaration) => {
    expect(parseWireType(wireType(declaration))).toEqual({ type: declaration.type, version: declaration.version });
    expect(declaration.summary).toMatch(/^[A-Z].*\.$/);
    expect([...eventTopics, ...stateTopics]).toContain(declaration.topic);
  });

  it('is not empty', () => {
    expect(catalogue.size).toBeGreaterThan(30);
  });

  it.each([
    'call.admitted.v1',
    'customhouse.call.admitted',
    'customhouse.call.admitted.v0',
    'customhouse.call.admitted.v01',
    'customhouse.call.v1',
    'customhouse.Call.Admitted.v1',
    'customhouse.call.admitted.v1 ',
    '',
  ])('does not take %p for a wire type', (wire) => {
    expect(parseWireType(wire)).toBeUndefined();
  });
});
