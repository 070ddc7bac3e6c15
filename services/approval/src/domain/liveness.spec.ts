import { describe, expect, it } from '@jest/globals';
import { chooseDispatcher, hasEnded, type Hearing, type Writer } from './liveness.js';

const now = 1_000_000;
const hearing: Hearing = { now, silence_ms: 15_000, heard_ms: now - 1_000 };
const writer = (instance: string, changes: Partial<Writer> = {}): Writer => ({ service: 'ingress', instance, epoch: '500', closed: false, heard_ms: now - 1_000, ...changes });

describe('a chain has ended', () => {
  it.each([
    ['lives', writer('a'), false],
    ['was closed in order', writer('a', { closed: true }), true],
    ['was followed by another epoch', writer('a', { epoch: '501' }), true],
    ['was followed by one that was closed as well', writer('a', { epoch: '501', closed: true }), true],
    ['is one that we have not heard of yet', writer('a', { epoch: '499' }), false],
    ['comes after one that was closed', writer('a', { epoch: '499', closed: true }), false],
    ['has been silent for less than the limit', writer('a', { heard_ms: now - 14_999 }), false],
    ['has been silent for the limit', writer('a', { heard_ms: now - 15_000 }), true],
  ])('when it %s', (_, known, ended) => {
    expect(hasEnded({ instance: 'a', epoch: '500' }, [writer('b'), known], hearing)).toBe(ended);
  });

  it('not because epochs differ in length', () => {
    expect(hasEnded({ instance: 'a', epoch: '1000' }, [writer('a', { epoch: '999' })], hearing)).toBe(false);
  });

  it('not for a process that was never heard of', () => {
    expect(hasEnded({ instance: 'x', epoch: '500' }, [writer('a')], hearing)).toBe(false);
  });

  it('not by silence while it is we who hear nothing', () => {
    const deaf = { ...hearing, heard_ms: now - 7_500 };
    expect(hasEnded({ instance: 'a', epoch: '500' }, [writer('a', { heard_ms: now - 60_000 })], deaf)).toBe(false);
    expect(hasEnded({ instance: 'a', epoch: '500' }, [writer('a', { closed: true })], deaf)).toBe(true);
  });
});

describe('the process that is named', () => {
  it('is the one that holds the call, while it lives', () => {
    expect(chooseDispatcher([writer('a'), writer('b', { heard_ms: now })], 'a', hearing)?.instance).toBe('a');
    expect(chooseDispatcher([writer('a', { closed: true }), writer('b')], 'a', hearing)?.instance).toBe('b');
    expect(chooseDispatcher([writer('a', { heard_ms: now - 15_000 }), writer('b')], 'a', hearing)?.instance).toBe('b');
  });

  it('is named under its newest epoch', () => {
    expect(chooseDispatcher([writer('a', { epoch: '777' })], 'a', hearing)?.epoch).toBe('777');
  });

  it('is otherwise the one that was heard last, and the same one for everybody', () => {
    expect(chooseDispatcher([writer('b'), writer('a'), writer('c', { heard_ms: now })], 'x', hearing)?.instance).toBe('c');
    expect(chooseDispatcher([writer('b'), writer('a')], 'x', hearing)?.instance).toBe('a');
  });

  it('can dispatch calls: it is an ingress, or all services in one', () => {
    const others = ['approval', 'audit', 'registry'].map((service) => writer(service, { service, heard_ms: now }));
    expect(chooseDispatcher(others, 'approval', hearing)).toBeUndefined();
    expect(chooseDispatcher([...others, writer('e', { service: 'customhouse' })], 'x', hearing)?.instance).toBe('e');
  });

  it('is nobody when nobody lives', () => {
    expect(chooseDispatcher([], 'a', hearing)).toBeUndefined();
  });
});
