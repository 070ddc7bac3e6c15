import { describe, expect, it } from '@jest/globals';
import { rule } from '../test/parts.js';
import { CallerIndex } from './caller-index.js';

const ann = { agent: 'claude', person: 'ann', groups: ['staff', 'engineering'] };

function rulesFor(caller: typeof ann, ...whos: ({ agents?: string[]; people?: string[]; groups?: string[] } | undefined)[]): readonly number[] {
  const rules = whos.map((who, number) => rule({ id: `rule-${number}`, effect: 'allow', who }));
  return new CallerIndex([...rules.keys()], rules).rulesFor(caller);
}

describe('the index by caller', () => {
  it('finds rules about everybody', () => {
    expect(rulesFor(ann, undefined, undefined)).toEqual([0, 1]);
  });

  it('finds rules that name the agent, the person or a group', () => {
    expect(rulesFor(ann, { agents: ['claude'] }, { agents: ['other', 'claude'] }, { people: ['ann'] }, { groups: ['engineering'] })).toEqual([0, 1, 2, 3]);
  });

  it('leaves out rules that name others', () => {
    expect(rulesFor(ann, { agents: ['cursor'] }, { people: ['bob'] }, { groups: ['finance'] }, { agents: ['cur*'] })).toEqual([]);
  });

  it('finds rules by pattern', () => {
    expect(rulesFor(ann, { agents: ['cl*'] }, { people: ['a*'] }, { groups: ['eng*'] }, { groups: ['fin*', '*aff'] })).toEqual([0, 1, 2, 3]);
  });

  it('never leaves out a rule because only one of its fields is indexed', () => {
    expect(rulesFor(ann, { agents: ['*'], people: ['ann'] }, { agents: ['claude'], groups: ['staff'] }, { people: ['a*'], groups: ['staff'] })).toEqual([0, 1, 2]);
  });

  it('names a rule once, in the order of the numbers, for a caller who is in several of its groups', () => {
    expect(rulesFor(ann, { groups: ['engineering', 'staff'] }, undefined, { groups: ['s*', 'e*'] })).toEqual([0, 1, 2]);
  });

  it('does not confuse names with members that objects inherit', () => {
    expect(rulesFor({ agent: '__proto__', person: 'constructor', groups: ['toString'] }, { agents: ['claude'] }, { people: ['ann'] }, { groups: ['staff'] })).toEqual([]);
  });
});
