import { describe, expect, it } from '@jest/globals';
import type { ToolLabel } from '@customhouse/events/registry/events';
import { ada, call, echoTool, session } from '../../../test/support/fakes.js';
import type { Call } from '../call.js';
import { callerOf } from '../caller.js';
import type { Outcome } from '../outcome.js';
import { ResultCache } from './result-cache.js';

const completed = (text = '{"a":1}'): Outcome => ({ kind: 'completed', result: { a: 1 }, text, findings: [] });

interface Changes extends NonNullable<Parameters<typeof call>[0]> {
  readonly cache_s?: number | undefined;
  readonly labels?: ToolLabel[];
  readonly policy?: string;
  readonly effect?: 'allow' | 'hold';
}

/** A call whose result may be given again for ten seconds, unless it says otherwise. */
function reading(changes: Changes = {}): Call {
  const { labels = ['read-only'], policy = 'P', effect = 'allow', ...more } = changes;
  const made = call({ tool: { ...echoTool, labels }, ...more });
  const cache_s = 'cache_s' in changes ? changes.cache_s : 10;
  made.decision = { effect, rules: [{ id: 'r', effect, reason: 'x' }], obligations: { cache_s }, policy: { number: 1, digest: policy } };
  return made;
}

describe('a result that may be given again', () => {
  it('is given to the same caller for the same arguments, and says whose call brought it', () => {
    const cache = new ResultCache(10_000);
    cache.keep(reading(), completed(), 0);
    expect(cache.find(reading(), 9_999)).toEqual({ ...completed(), cached: '01JCALL' });
  });

  it('is too old after its time, by the rule that asks: then it is forgotten', () => {
    const cache = new ResultCache(10_000);
    cache.keep(reading(), completed(), 0);
    expect(cache.find(reading({ cache_s: 5 }), 5_000)).toBeUndefined();
    expect([cache.find(reading(), 5_000), cache.bytes]).toEqual([undefined, 0]);
  });

  const eve = callerOf({ ...ada.principal, person: 'eve@example.com' });
  const inAnotherGroup = callerOf({ ...ada.principal, groups: [] });
  it.each<[string, Changes]>([
    ['another person', { caller: eve }],
    ['the same person in other groups', { caller: inAnotherGroup }],
    ['other arguments', { asked: { arguments: { message: 'ho' } } }],
    ['another tool', { tool: { ...echoTool, tool: 'other' } }],
    ['another definition', { tool: { ...echoTool, definition: 'D2' } }],
    ['another generation of the server', { tool: { ...echoTool, generation: 4 } }],
    ['another version of the policy', { policy: 'Q' }],
    ['another endpoint', { session: { ...session, server: 'files' } }],
    ['a rule that does not say so', { cache_s: undefined }],
    ['a tool that may do more than read', { labels: [] }],
    ['a call that a person approved', { effect: 'hold' }],
    ['a call with members that nobody knows', { asked: { extra: { x: 1 } } }],
  ])('is not given for %s', (_, changes) => {
    const cache = new ResultCache(10_000);
    cache.keep(reading(), completed(), 0);
    expect(cache.find(reading(changes), 1)).toBeUndefined();
  });

  it.each<[string, Outcome, Changes]>([
    ['of a tool that may do more than read', completed(), { labels: ['idempotent'] }],
    ['that no rule lets keep', completed(), { cache_s: undefined }],
    ['that the tool calls an error', { kind: 'completed', result: { isError: true }, text: '{}', findings: [] }, {}],
    ['that is an error', { kind: 'error', error: { code: 1, message: 'x' }, text: '{}', findings: [] }, {}],
    ['that nobody knows', { kind: 'lost', reason: 'timeout', message: 'x' }, {}],
    ['that is large for the whole', completed('x'.repeat(626)), {}],
  ])('is not kept when it is one %s', (_, outcome, changes) => {
    const cache = new ResultCache(10_000);
    cache.keep(reading(changes), outcome, 0);
    expect(cache.bytes).toBe(0);
  });

  it('makes room for others when it was not used for longest', () => {
    const cache = new ResultCache(10_000);
    const nth = (number: number) => reading({ asked: { arguments: { number } } });
    for (let number = 0; number < 8; number += 1) cache.keep(nth(number), completed('x'.repeat(625)), number);
    expect(cache.bytes).toBe(10_000);
    expect(cache.find(nth(0), 10)).toBeDefined();
    cache.keep(nth(8), completed('x'.repeat(625)), 11);
    expect(cache.bytes).toBe(10_000);
    expect([0, 1, 2, 8].map((number) => cache.find(nth(number), 12) !== undefined)).toEqual([true, false, true, true]);
  });

  it('is nowhere when nothing is to be kept', () => {
    const cache = new ResultCache(0);
    cache.keep(reading(), completed(), 0);
    expect(cache.find(reading(), 1)).toBeUndefined();
  });
});
