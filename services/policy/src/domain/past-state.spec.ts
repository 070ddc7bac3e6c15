import { describe, expect, it } from '@jest/globals';
import type { Decision, Effect } from '@customhouse/policy-contract/decision';
import type { Limit } from '@customhouse/policy-contract/rules';
import { PastState, type PastCall } from './past-state.js';

const call = (changes: Partial<PastCall> = {}): PastCall => ({
  time: 0,
  tenant: 'default',
  agent: 'claude',
  person: 'ann',
  session: 's-1',
  server: 'files',
  tool: 'read',
  labels: ['read-only'],
  ...changes,
});
const decision = (effect: Effect, ...rules: string[]): Decision => ({
  effect,
  rules: rules.map((id) => ({ id, effect, reason: 'So.' })),
  obligations: {},
  policy: { number: 1, digest: 'd' },
});
const limited = (changes: Partial<Limit> = {}) => [{ rule: 'few', limit: { calls: 2, window_s: 10, per: 'agent' as const, ...changes } }];
const few = decision('allow', 'few');

describe('a rule with a limit', () => {
  const after = (limits: ReturnType<typeof limited>, ...calls: PastCall[]) => {
    const state = new PastState();
    for (const one of calls) state.add(one, few, few, limits);
    return (next: PastCall) => state.used(next, limits)['few'];
  };

  it('has let through the calls of its window, which moves', () => {
    const used = after(limited(), call({ time: 0 }), call({ time: 4_000 }));
    expect([used(call({ time: 9_999 })), used(call({ time: 10_000 })), used(call({ time: 14_000 }))]).toEqual([2, 1, 0]);
  });

  it.each([
    ['agent', { agent: 'cursor' }],
    ['person', { person: 'bob' }],
    ['session', { session: 's-2' }],
    ['tool', { tool: 'write' }],
  ] as const)('per %s counts for each on its own', (per, other) => {
    const used = after(limited({ per }), call());
    expect([used(call({ time: 1 })), used(call({ time: 1, ...other }))]).toEqual([1, 0]);
  });

  it('per everybody counts for all together', () => {
    expect(after(limited({ per: 'everybody' }), call())(call({ time: 1, agent: 'x', person: 'y', session: 'z', server: 'a', tool: 'b' }))).toBe(1);
  });

  it('does not count the agents of two tenants together', () => {
    expect(after(limited(), call())(call({ time: 1, tenant: 'other' }))).toBe(0);
  });

  it('counts what it lets through itself in the version on trial, and not what others do', () => {
    const state = new PastState();
    state.add(call(), decision('refuse', 'x'), few, limited());
    state.add(call(), few, decision('refuse', 'few'), limited());
    state.add(call(), few, decision('hold', 'few'), limited());
    state.add(call(), few, decision('allow', 'other'), limited());
    expect(state.used(call({ time: 1 }), limited())).toEqual({ few: 1 });
  });
});

describe('a session', () => {
  it('has nothing behind it at first', () => {
    expect(new PastState().sessionState(call())).toEqual({ labels: [], counters: { calls: 0, refused: 0, held: 0 } });
  });

  it('counts what was decided then, and has the labels of what was allowed', () => {
    const state = new PastState();
    state.add(call({ labels: ['reads-sensitive'] }), decision('allow', 'a'), decision('refuse', 'b'), []);
    state.add(call({ labels: ['destructive'] }), decision('refuse', 'a'), few, []);
    state.add(call({ labels: ['communicates-externally'] }), decision('hold', 'a'), few, []);
    state.add(call({ session: 's-2' }), few, few, []);
    expect(state.sessionState(call())).toEqual({ labels: ['reads-sensitive'], counters: { calls: 3, refused: 1, held: 1 } });
  });
});
