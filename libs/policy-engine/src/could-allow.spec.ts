import { describe, expect, it } from '@jest/globals';
import type { Rule } from '@customhouse/policy-contract/rules';
import { couldAllow } from './could-allow.js';

const rule = (changes: Partial<Rule>): Rule => ({ id: 'r', effect: 'allow', reason: 'x', tools: ['files/*'], methods: ['sampling/createMessage'], ...changes });

describe('whether the policy could ever allow a method at a server', () => {
  it.each([
    [{}, true],
    [{ tools: ['*/*'] }, true],
    [{ tools: ['fil*/one_tool_only'] }, true],
    [{ tools: ['mail/*', 'files/read'] }, true],
    [{ tools: ['mail/*'] }, false],
    [{ methods: ['elicitation/create'] as Rule['methods'] }, false],
    [{ methods: undefined }, false],
    [{ effect: 'refuse' as const }, false],
    [{ effect: 'hold' as const }, false],
  ])('with %j is %s', (changes, expected) => {
    expect(couldAllow([rule(changes)], 'sampling/createMessage', 'files')).toBe(expected);
  });

  it('is asked of the rules once for each method and server', () => {
    const rules = [rule({})];
    expect([couldAllow(rules, 'sampling/createMessage', 'files'), couldAllow(rules, 'sampling/createMessage', 'mail'), couldAllow(rules, 'roots/list', 'files')]).toEqual([
      true,
      false,
      false,
    ]);
    rules.length = 0;
    expect([couldAllow(rules, 'sampling/createMessage', 'files'), couldAllow([], 'sampling/createMessage', 'files')]).toEqual([true, false]);
  });

  it('takes a rule without methods for one about tools', () => {
    expect(couldAllow([rule({ methods: undefined })], 'tools/call', 'files')).toBe(true);
    expect(couldAllow([], 'tools/call', 'files')).toBe(false);
  });
});
