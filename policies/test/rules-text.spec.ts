import { describe, expect, it, jest } from '@jest/globals';
import { readRules, RulesInvalid, type RuleProblem } from '../src/rules-text.js';

jest.setTimeout(60_000);

function problemsIn(text: string): readonly RuleProblem[] {
  try {
    readRules(text);
  } catch (error) {
    if (error instanceof RulesInvalid) return error.problems;
    throw error;
  }
  return [];
}

const valid = `version: 1
rules:
  - id: readers
    effect: allow
    reason: It reads.
    tools: ['*/*']
    labels: [read-only]
`;

describe('a rule file', () => {
  it('is read from YAML, and means the same in JSON', () => {
    const rules = readRules(valid);
    expect(rules).toEqual({ version: 1, rules: [{ id: 'readers', effect: 'allow', reason: 'It reads.', tools: ['*/*'], labels: ['read-only'] }] });
    expect(readRules(JSON.stringify(rules, null, '\t'))).toEqual(rules);
  });

  it('gets the approval that it leaves out', () => {
    const text = valid.replace('effect: allow', 'effect: hold').replace('labels: [read-only]', 'approve: {}');
    expect(readRules(text).rules[0]!.approve).toEqual({ quorum: 1, expires_s: 3600 });
  });

  it.each<[string, string, Partial<RuleProblem>]>([
    ['an empty text', '', { line: 1, column: 1, path: '' }],
    ['a text that is no YAML', 'version: 1\nrules: [', { line: 2, path: '' }],
    ['a field given twice', `${valid}    effect: refuse\n`, { line: 8, column: 5, message: 'Map keys must be unique' }],
    ['two documents', `${valid}---\n${valid}`, { line: 8, path: '' }],
    ['a tag that would make something else of a value', `version: !!binary 1\nrules: []\n`, { line: 1 }],
    ['a version that is not known', 'version: 2\nrules: []\n', { line: 1, column: 10, path: 'version' }],
    ['no rules', 'version: 1\n', { line: 1, path: 'rules' }],
    ['an unknown field', valid.replace('labels:', 'label:'), { line: 7, column: 5, path: 'rules[0]', message: 'Unrecognized key: "label"' }],
    ['an unknown effect', valid.replace('effect: allow', 'effect: permit'), { line: 4, column: 13, path: 'rules[0].effect' }],
    ['a missing field', valid.replace('    reason: It reads.\n', ''), { line: 3, column: 5, path: 'rules[0].reason' }],
    ['an id that is not kebab-case', valid.replace('id: readers', 'id: All Readers'), { line: 3, column: 9, message: 'a rule id is kebab-case' }],
    ['an id that the gateway uses', valid.replace('id: readers', 'id: default-deny'), { line: 3, message: 'this id is kept for what the gateway itself says' }],
    ['an id used twice', `${valid}${valid.slice(valid.indexOf('  - id'))}`, { line: 8, path: 'rules[1].id', message: 'the rule id "readers" is used twice' }],
    [
      'a tool without a server',
      valid.replace("'*/*'", 'read_file'),
      { line: 6, column: 13, path: 'rules[0].tools[0]', message: 'a tool pattern is server/tool, and each side may contain *' },
    ],
    [
      'hours in a time zone that there is not',
      `${valid}    hours:\n      time_zone: Europe/Züri\n      from: '08:00'\n      to: '18:00'\n`,
      { line: 9, column: 18, path: 'rules[0].hours.time_zone', message: 'is no time zone that is known here; names are those of the IANA database, such as Europe/Zurich' },
    ],
    [
      'an attribute that is called __proto__, beside one that is not',
      `${valid}    who:\n      attributes:\n        department: [finance]\n        __proto__: [x]\n`,
      { line: 11, path: 'rules[0].who.attributes.__proto__', message: 'no name may be __proto__: take another' },
    ],
    ['a pattern with too many stars', valid.replace("'*/*'", "'files/a*b*c*d*e*f'"), { line: 6, message: 'each side of a tool pattern has at most 4 stars' }],
    ['a list that is empty', valid.replace('[read-only]', '[]'), { line: 7, path: 'rules[0].labels', message: 'leave the field out instead of giving an empty list' }],
    ['an approval of a rule that does not hold', `${valid}    approve: { quorum: 2 }\n`, { line: 8, column: 14, path: 'rules[0].approve' }],
    [
      'an argument that is no pointer',
      `${valid}    when: [{ argument: path, is: present }]\n`,
      { line: 8, path: 'rules[0].when[0].argument', message: 'an argument is a JSON Pointer such as /path or /options/force' },
    ],
    ['an unknown condition', `${valid}    when: [{ argument: /path, is: matches, value: x }]\n`, { line: 8, path: 'rules[0].when[0].is' }],
    ['a value of the wrong type', `${valid}    when: [{ argument: /path, is: less, value: x }]\n`, { line: 8, path: 'rules[0].when[0].value' }],
    ['a number that JSON cannot hold', `${valid}    when: [{ argument: /path, is: less, value: .inf }]\n`, { line: 8, path: 'rules[0].when[0].value' }],
    ['half a character', `${valid}    when: [{ argument: /path, is: like, value: "\\ud800*" }]\n`, { line: 8 }],
    [
      'a confirmation that is neither yes nor no',
      valid.replace('effect: allow', 'effect: hold').replace('labels: [read-only]', 'approve: { requester_confirms: sometimes }'),
      { line: 7, path: 'rules[0].approve.requester_confirms' },
    ],
    ['too many approvers', valid.replace('effect: allow', 'effect: hold').replace('labels: [read-only]', 'approve: { quorum: 21 }'), { line: 7, path: 'rules[0].approve.quorum' }],
  ])('is refused with its place when it has %s', (_, text, problem) => {
    expect(problemsIn(text)).toEqual(expect.arrayContaining([expect.objectContaining(problem)]));
  });

  it('is told everything that is wrong at once, in words with line and column', () => {
    const text = valid.replace('allow', 'permit').replace('readers', 'READERS');
    expect(problemsIn(text)).toHaveLength(2);
    expect(() => readRules(text)).toThrow('line 3, column 9: rules[0].id: a rule id is kebab-case');
  });

  it('is told the first fifty problems of many', () => {
    expect(problemsIn(`version: 1\nrules: [${'{}, '.repeat(200)}]`)).toHaveLength(50);
  });

  it('cannot make a few lines stand for millions', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefghi'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`)].join('\n');
    expect(problemsIn(bomb)[0]!.message).toContain('alias');
  });

  it('does not take a member called __proto__ for anything but an unknown field', () => {
    expect(problemsIn('version: 1\nrules: []\n__proto__: { x: 1 }\n')[0]).toMatchObject({ line: 3 });
  });
});
