import { describe, expect, it } from '@jest/globals';
import type { Decision, Effect } from '@customhouse/policy-contract/decision';
import type { Limit } from '@customhouse/policy-contract/rules';
import { PastState, type PastCall, type Saved } from './past-state.js';

const call = (changes: Partial<PastCall> = {}): PastCall => ({
  call: 'c-1',
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

  it('has let through the calls of its window, which moves, in sixty parts', () => {
    const used = after(limited(), call({ time: 0 }), call({ time: 4_000 }));
    expect([used(call({ time: 9_999 })), used(call({ time: 10_167 })), used(call({ time: 14_167 }))]).toEqual([2, 1, 0]);
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

  it.each(['agent', 'person', 'session', 'tool', 'everybody'] as const)('per %s does not count the calls of two tenants together', (per) => {
    expect(after(limited({ per }), call())(call({ time: 1, tenant: 'other' }))).toBe(0);
  });

  it('counts a held call when it is sent, and from then on', () => {
    const state = new PastState();
    const held: Decision = { ...decision('hold', 'wait'), rules: [...decision('hold', 'wait').rules, ...few.rules] };
    state.add(call({ call: 'held' }), held, held, limited());
    expect(state.used(call({ time: 1 }), limited())).toEqual({ few: 0 });
    state.sent('held', 5_000);
    state.sent('held', 6_000);
    expect([9_000, 14_000, 16_000].map((time) => state.used(call({ time }), limited())['few'])).toEqual([1, 1, 0]);
  });

  it('does not count a held call again that the version on trial had let through at once', () => {
    const state = new PastState();
    state.add(call({ call: 'held' }), decision('hold', 'wait'), few, limited());
    state.sent('held', 1);
    expect(state.used(call({ time: 2 }), limited())).toEqual({ few: 1 });
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

  it('has the labels of a held call from when it was sent, also where it was held before anything is known', () => {
    const state = new PastState();
    state.add(call({ call: 'held', labels: ['reads-sensitive'] }), decision('hold', 'a'), few, []);
    expect(state.sessionState(call()).labels).toEqual([]);
    state.sent('held', 1);
    state.sent('before', 2, call({ labels: ['destructive'] }));
    state.sent('nobody-knows', 3);
    expect(state.sessionState(call())).toEqual({ labels: ['destructive', 'reads-sensitive'], counters: { calls: 1, refused: 0, held: 1 } });
  });

  it('has what was found in results, and only in its own', () => {
    const state = new PastState();
    state.found('s-1', ['prompt-injection', 'secret']);
    state.found('s-1', ['secret']);
    expect([state.sessionState(call()).labels, state.sessionState(call({ session: 's-2' })).labels]).toEqual([['prompt-injection', 'secret'], []]);
  });
});

describe('what is saved', () => {
  const held: Decision = { ...decision('hold', 'wait'), rules: [...decision('hold', 'wait').rules, ...few.rules] };
  const seen = (state: PastState) => [state.sessionState(call()), state.used(call({ time: 9_000 }), limited())];
  const asJson = (changes: readonly Saved[]) => JSON.parse(JSON.stringify(changes)) as Saved[];

  it('is all that is needed to go on', () => {
    const state = new PastState([]);
    state.add(call(), few, few, limited());
    state.add(call({ call: 'held', labels: ['destructive'] }), held, held, limited());
    state.found('s-1', ['secret']);
    const again = new PastState(asJson(state.changes()));
    expect(seen(again)).toEqual(seen(state));
    for (const one of [state, again]) one.sent('held', 8_000);
    expect(seen(again)).toEqual(seen(state));
    expect(seen(again)).toEqual([{ labels: ['destructive', 'read-only', 'secret'], counters: { calls: 2, refused: 0, held: 1 } }, { few: 2 }]);
  });

  it('is told once for each change, with what was forgotten', () => {
    const state = new PastState([], 2);
    for (const session of ['s-1', 's-2', 's-3']) state.add(call({ session }), few, undefined, []);
    expect(state.changes().map(({ key, value }) => [key, value !== undefined])).toEqual([
      ['s-1', false],
      ['s-2', true],
      ['s-3', true],
    ]);
    expect(state.changes()).toEqual([]);
    state.add(call({ call: 'held', session: 's-2' }), held, held, limited());
    state.changes();
    state.sent('held', 1);
    expect(state.changes().map(({ kind, value }) => [kind, value !== undefined])).toEqual([
      ['session', true],
      ['window', true],
      ['held', false],
    ]);
  });

  it('is nothing where nobody wants it', () => {
    const state = new PastState();
    state.add(call(), few, few, limited());
    expect(state.changes()).toEqual([]);
  });
});
