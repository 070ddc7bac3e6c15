import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Decision, Effect } from '@customhouse/policy-contract/decision';
import { BlastRadius, changeOf, type Compared } from './blast-radius.js';

const policy = { number: 1, digest: 'd' };
const terms = (quorum: number) => ({ quorum, expires_s: 60 }) as NonNullable<Decision['obligations']['approve']>;
const decision = (effect: Effect, obligations: Decision['obligations'] = {}, id = effect): Decision => ({ effect, rules: [{ id, effect, reason: 'So.' }], obligations, policy });
const compared = (before: Decision, after: Decision, changes: Partial<Compared> = {}): Compared => ({
  call: '01KAAAAAAAAAAAAAAAAAAAAAAA',
  time: 0,
  agent: 'claude',
  person: 'ann',
  method: 'tools/call',
  server: 'files',
  tool: 'read',
  before,
  after,
  ...changes,
});
const bounds = { names: 2, examples: 1 };

describe('a change', () => {
  it.each([
    ['allow', 'allow', undefined],
    ['allow', 'hold', 'newly_held'],
    ['allow', 'refuse', 'newly_refused'],
    ['hold', 'allow', 'newly_allowed'],
    ['hold', 'refuse', 'newly_refused'],
    ['refuse', 'allow', 'newly_allowed'],
    ['refuse', 'hold', 'newly_held'],
    ['refuse', 'refuse', undefined],
  ] as const)('from %s to %s is %s', (before, after, change) => {
    expect(changeOf(decision(before), decision(after))).toBe(change);
  });

  it('of what is asked of approvers, or done to the result, is one of terms', () => {
    expect(changeOf(decision('hold', { approve: terms(1) }), decision('hold', { approve: terms(2) }))).toBe('other_terms');
    expect(changeOf(decision('allow'), decision('allow', { redact: ['iban'] }))).toBe('other_terms');
    expect(changeOf(decision('allow', { redact: ['a', 'b'] }), decision('allow', { redact: ['a'] }))).toBe('other_terms');
  });

  it('is none when other rules say the same, or the same terms are in another order', () => {
    expect(changeOf(decision('allow', {}, 'one' as Effect), decision('allow', {}, 'other' as Effect))).toBeUndefined();
    const [one, other] = [
      { quorum: 1, expires_s: 60 },
      { expires_s: 60, quorum: 1 },
    ] as NonNullable<Decision['obligations']['approve']>[];
    expect(changeOf(decision('hold', { approve: one! }), decision('hold', { approve: other! }))).toBeUndefined();
  });
});

describe('a report', () => {
  it('names the most frequent, counts the others together, and keeps the first examples', () => {
    const radius = new BlastRadius(bounds);
    for (const [agent, times] of Object.entries({ rare: 1, often: 5, sometimes: 3, seldom: 2 }))
      for (let time = 0; time < times; time += 1) radius.add(compared(decision('allow'), decision('refuse'), { agent, time }));
    const { changes, calls, unchanged } = radius.report();
    expect([calls, unchanged]).toEqual([11, 0]);
    expect(changes.newly_refused).toMatchObject({
      calls: 11,
      by_agent: {
        most: [
          { name: 'often', calls: 5 },
          { name: 'sometimes', calls: 3 },
        ],
        others: 3,
      },
      by_tool: { most: [{ name: 'files/read', calls: 11 }], others: 0 },
      by_rule: { most: [{ name: 'refuse', calls: 11 }], others: 0 },
    });
    expect(changes.newly_refused.examples).toEqual([
      expect.objectContaining({ agent: 'rare', time: '1970-01-01T00:00:00.000Z', before: { effect: 'allow', rules: [{ id: 'allow', effect: 'allow', reason: 'So.' }] } }),
    ]);
  });

  it('counts what could not be decided, and does not call it unchanged', () => {
    const radius = new BlastRadius(bounds);
    radius.leaveOut('erased');
    radius.leaveOut('unreadable');
    expect(radius.report()).toMatchObject({ calls: 2, unchanged: 0, erased: 1, unreadable: 1 });
  });

  it('that was taken is not changed by what is counted later', () => {
    const radius = new BlastRadius(bounds);
    const early = radius.report();
    radius.add(compared(decision('allow'), decision('hold')));
    expect(early).toMatchObject({ calls: 0, changes: { newly_held: { calls: 0, examples: [] } } });
  });

  it('is the same whether it was made in one piece or continued, while every name has its place', () => {
    const effect = fc.constantFrom<Effect>('allow', 'hold', 'refuse');
    const one = fc.record({ before: effect, after: effect, agent: fc.constantFrom('a', 'b', 'c'), tool: fc.constantFrom('x', 'y') });
    fc.assert(
      fc.property(fc.array(one), fc.nat(20), (all, at) => {
        const roomy = { names: 10, examples: 3 };
        const whole = new BlastRadius(roomy);
        const add = (radius: BlastRadius, list: typeof all) => list.forEach(({ before, after, ...names }) => radius.add(compared(decision(before), decision(after), names)));
        add(whole, all);
        const first = new BlastRadius(roomy);
        add(first, all.slice(0, at));
        const continued = new BlastRadius(roomy, JSON.parse(JSON.stringify(first.report())) as ReturnType<BlastRadius['report']>);
        add(continued, all.slice(at));
        expect(continued.report()).toEqual(whole.report());
        const { calls, unchanged, changes } = whole.report();
        expect(calls).toBe(unchanged + Object.values(changes).reduce((sum, change) => sum + change.calls, 0));
      }),
    );
  });
});
