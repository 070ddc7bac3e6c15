import { describe, expect, it } from '@jest/globals';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { RemotePolicy } from '@customhouse/policy-engine/policy';
import { call } from '../../test/support/fakes.js';
import type { Question } from '../domain/admit.js';
import { decide, type Decided } from './decide.js';
import { Turns } from './turns.js';

const policy = { number: 1, digest: 'd' };
const limit = { calls: 1, window_s: 60, per: 'everybody' as const };

/** Decided elsewhere: an answer comes when the test says so. */
function remote() {
  const waiting: (() => void)[] = [];
  const asked: PolicyInput[] = [];
  const decideIt = (input: PolicyInput): Promise<Decision> => {
    asked.push(input);
    const over = input.used['few']! >= limit.calls;
    const rule = { id: 'few', effect: over ? ('refuse' as const) : ('allow' as const), reason: 'A test.' };
    return new Promise((resolve) => waiting.push(() => resolve({ effect: rule.effect, rules: [rule], obligations: {}, policy })));
  };
  const needs = () => ({ destinations: false, session_state: false, limits: [{ rule: 'few', limit }] });
  return { asked, answer: () => waiting.shift()!(), of: { instant: false, stamp: policy, version: policy, needs, decide: decideIt } as unknown as RemotePolicy };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a decision that is made elsewhere', () => {
  const parts = { stops: { against: () => undefined }, external: undefined, turns: new Turns() } as never;

  it('is made anew when a limit is used up meanwhile, so that no more calls pass than it says', async () => {
    const { of, asked, answer } = remote();
    let used = 0;
    const taken: Decided[] = [];
    const questionOf = (): Question => ({ kind: 'tool', served: true, quarantined: false, input: { method: 'tools/call', used: { few: used } } as unknown as PolicyInput });
    const take = (made: Decided): void => {
      taken.push(made);
      if (made[0].effect === 'allow') used += 1;
    };
    const caller = (who: string) => ({ ...call().caller, who });
    const both = ['ann', 'ben'].map(async (who) => decide(call({ caller: caller(who) }), of, { parts, questionOf, take }));
    expect(asked).toHaveLength(2);
    answer();
    answer();
    await settle();
    expect(taken.map(([{ effect }]) => effect)).toEqual(['allow']);
    answer();
    await Promise.all(both);
    expect(taken.map(([{ effect }, { used: seen }]) => [effect, seen['few']])).toEqual([
      ['allow', 0],
      ['refuse', 1],
    ]);
  });

  it('is a refusal when the limits do not stay what they are', async () => {
    const { of, answer } = remote();
    let used = 0;
    const taken: Decided[] = [];
    const questionOf = (): Question => ({
      kind: 'tool',
      served: true,
      quarantined: false,
      input: { method: 'tools/call', used: { few: (used = 1 - used) } } as unknown as PolicyInput,
    });
    const decided = decide(call(), of, { parts, questionOf, take: (made) => void taken.push(made) });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      answer();
      await settle();
    }
    await decided;
    expect(taken.map(([{ effect, rules }]) => [effect, rules[0]!.id])).toEqual([['refuse', 'policy-busy']]);
  });

  it('waits for the one before it of the same caller, which it may depend on', async () => {
    const { of, asked, answer } = remote();
    const questionOf = (): Question => ({ kind: 'tool', served: true, quarantined: false, input: { method: 'tools/call', used: { few: 0 } } as unknown as PolicyInput });
    const both = [1, 2].map(async () => decide(call(), of, { parts, questionOf, take: () => undefined }));
    await settle();
    expect(asked).toHaveLength(1);
    answer();
    await settle();
    expect(asked).toHaveLength(2);
    answer();
    await Promise.all(both);
  });
});
