import { describe, expect, it } from '@jest/globals';
import { KeyRing } from './key-ring.js';

function key(id: string, created = '2026-11-22T13:00:00.000Z', subject = 'S1') {
  return { id, subject, kek: 'kek', wrapped: 'x', created };
}

describe('the key ring', () => {
  it('has the youngest key of a subject as its latest, in whatever order they arrive', () => {
    const ring = new KeyRing();
    ring.apply('S1/B', key('B', '2026-11-22T13:00:00.001Z'));
    ring.apply('S1/A', key('A'));
    ring.apply('S2/C', key('C', '2026-12-01T00:00:00.000Z', 'S2'));
    expect(ring.latest('S1')?.id).toBe('B');
    expect(ring.latest('S2')?.id).toBe('C');
    expect(ring.latest('S3')).toBeUndefined();
  });

  it('falls back to the key before when the latest is destroyed', () => {
    const ring = new KeyRing();
    ring.apply('S1/A', key('A'));
    ring.apply('S1/B', key('B'));
    expect(ring.apply('S1/B', null)).toBe('B');
    expect(ring.latest('S1')?.id).toBe('A');
    ring.apply('S1/A', null);
    expect(ring.latest('S1')).toBeUndefined();
    expect(ring.size).toBe(0);
  });

  it('takes a key once, however often it arrives', () => {
    const ring = new KeyRing();
    ring.apply('S1/A', key('A'));
    ring.add(key('A'));
    ring.apply('S1/A', null);
    expect(ring.latest('S1')).toBeUndefined();
  });

  it('keeps a destroyed key dead when the news of its making arrives late', () => {
    const ring = new KeyRing();
    ring.apply('S1/A', null);
    ring.add(key('A'));
    expect(ring.get('A')).toBeUndefined();
    expect(ring.isDestroyed('A')).toBe(true);
  });

  it.each([
    ['under the name of another subject', 'S2/A', key('A')],
    ['under another id', 'S1/B', key('A')],
    ['without its wrapped bytes', 'S1/A', { ...key('A'), wrapped: undefined }],
    ['that is a text', 'S1/A', 'A'],
  ])('refuses a record %s', (_, stateKey, data) => {
    const ring = new KeyRing();
    expect(() => ring.apply(stateKey, data)).toThrow(TypeError);
    expect(ring.size).toBe(0);
  });
});
