import { describe, expect, it } from '@jest/globals';
import type { Rule } from '@customhouse/policy-contract/rules';
import { rule, versionOf } from '../test/parts.js';
import { couldHold } from './could-hold.js';

const holds = (changes: Partial<Rule>): boolean => couldHold(versionOf([rule({ id: 'r', effect: 'hold', ...changes })]), 'files', 'write', ['destructive']);

describe('whether a call of a tool could be held', () => {
  it.each<[Partial<Rule>, boolean]>([
    [{}, true],
    [{ tools: ['files/*'] }, true],
    [{ tools: ['files/write'] }, true],
    [{ tools: ['mail/*', 'fil*/wr*'] }, true],
    [{ tools: ['files/read'] }, false],
    [{ tools: ['mail/write'] }, false],
    [{ tools: ['mail*/*'] }, false],
    [{ labels: ['destructive', 'returns-untrusted'] }, true],
    [{ labels: ['returns-untrusted'] }, false],
    [{ methods: ['tools/call', 'prompts/get'] }, true],
    [{ methods: ['prompts/get'] }, false],
    [{ effect: 'allow' }, false],
    [{ effect: 'refuse' }, false],
    // Whether it is so depends on the call.
    [{ who: { groups: ['sales'] }, when: [{ argument: '/path', is: 'present' }] }, true],
  ])('by a rule with %j is %s', (changes, expected) => {
    expect(holds(changes)).toBe(expected);
  });

  it('is looked for in all rules, and in nothing but the rules of the version', () => {
    const version = versionOf([rule({ id: 'a', effect: 'hold', tools: ['mail/*'] }), rule({ id: 'b', effect: 'hold', tools: ['files/move', 'files/write'] })]);
    const seen = (['mail/send', 'files/move', 'files/write', 'files/read'] as const).map((name) => couldHold(version, ...(name.split('/') as [string, string]), []));
    expect(seen).toEqual([true, true, true, false]);
    expect(couldHold(versionOf([]), 'files', 'write', [])).toBe(false);
  });

  it('is so where the version brings Rego of its own', () => {
    expect(couldHold({ ...versionOf([]), modules: { 'own.rego': 'package customhouse.custom' } }, 'files', 'write', [])).toBe(true);
  });
});
