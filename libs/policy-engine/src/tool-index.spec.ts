import { describe, expect, it } from '@jest/globals';
import { rule } from '../test/parts.js';
import { ToolIndex } from './tool-index.js';

const caller = { agent: 'claude', person: 'ann', groups: [] };

function about(server: string, tool: string, ...patterns: string[][]): readonly number[] {
  const rules = patterns.map((tools, number) => rule({ id: `rule-${number}`, effect: 'allow', tools }));
  return new ToolIndex(rules, 10).about('tools/call', server, tool).candidates(caller, [], false);
}

describe('the index by tool', () => {
  it('finds rules by exact name, by server, by tool, by pattern and about everything', () => {
    expect(about('files', 'read_file', ['files/read_file'], ['files/*'], ['*/read_file'], ['fi*/read_*'], ['*/*'], ['*/*_file'], ['files/*_*'])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('leaves out rules about other tools', () => {
    expect(about('files', 'read_file', ['files/write_file'], ['mail/*'], ['*/write_file'], ['mail*/read_*'], ['files/read_file_again'], ['Files/read_file'])).toEqual([]);
  });

  it('names a rule once, however many of its patterns match', () => {
    expect(about('files', 'read_file', ['*/*', 'files/*', 'files/read_file', 'files/read_file', '*/read*'])).toEqual([0]);
  });

  it('keeps the slash inside the name of a tool on the side of the tool', () => {
    expect(about('files', 'a/b', ['files/a/b'], ['files/*'], ['*/a/b'], ['files/a'], ['*/b'])).toEqual([0, 1, 2]);
  });

  it('leaves rules about findings out of a call that has none', () => {
    const rules = [rule({ id: 'a', effect: 'refuse', findings: ['credential'] }), rule({ id: 'b', effect: 'allow' })];
    const found = new ToolIndex(rules, 10).about('tools/call', 'files', 'read_file');
    expect(found.candidates(caller, [], false)).toEqual([1]);
    expect(found.candidates(caller, [], true)).toEqual([0, 1]);
  });

  it('leaves out rules for tools with other labels', () => {
    const rules = [
      rule({ id: 'a', effect: 'allow', labels: ['read-only', 'idempotent'] }),
      rule({ id: 'b', effect: 'hold', without_labels: ['read-only', 'idempotent'] }),
      rule({ id: 'c', effect: 'hold', labels: ['destructive'], without_labels: ['idempotent'] }),
    ];
    const found = new ToolIndex(rules, 10).about('tools/call', 'files', 'read_file');
    expect(found.candidates(caller, [], false)).toEqual([1]);
    expect(found.candidates(caller, ['read-only'], false)).toEqual([0]);
    expect(found.candidates(caller, ['destructive'], false)).toEqual([1, 2]);
    expect(found.candidates(caller, ['destructive', 'idempotent'], false)).toEqual([0]);
  });

  it('says which arguments some rule for the tool looks at, whoever the rule is about', () => {
    const rules = [
      rule({ id: 'a', effect: 'refuse', tools: ['files/*'], when: [{ argument: '/path', is: 'like', value: '/etc/*' }] }),
      rule({
        id: 'b',
        effect: 'allow',
        who: { agents: ['other'] },
        when: [
          { argument: '/path', is: 'present' },
          { argument: '/mode', is: 'absent' },
        ],
      }),
      rule({ id: 'c', effect: 'allow', tools: ['mail/*'], when: [{ argument: '/to', is: 'present' }] }),
    ];
    const index = new ToolIndex(rules, 10);
    expect(index.about('tools/call', 'files', 'read_file').argumentsNeeded).toEqual(['/mode', '/path']);
    expect(index.about('tools/call', 'web', 'get').argumentsNeeded).toEqual(['/mode', '/path']);
    expect(index.about('tools/call', 'mail', 'send').argumentsNeeded).toEqual(['/mode', '/path', '/to']);
  });

  it('remembers a tool that was asked for, and forgets the first of too many', () => {
    const index = new ToolIndex([rule({ id: 'a', effect: 'allow' })], 2);
    const first = index.about('tools/call', 'files', 'one');
    expect(index.about('tools/call', 'files', 'one')).toBe(first);
    index.about('tools/call', 'files', 'two');
    index.about('tools/call', 'files', 'three');
    expect(index.about('tools/call', 'files', 'one')).not.toBe(first);
    expect(index.about('tools/call', 'files', 'one').candidates(caller, [], false)).toEqual([0]);
  });

  it('has rules for tools only, unless they name other methods', () => {
    const rules = [
      rule({ id: 'tools', effect: 'allow' }),
      rule({ id: 'reading', effect: 'allow', methods: ['resources/read', 'prompts/get'] }),
      rule({ id: 'both', effect: 'allow', methods: ['tools/call', 'prompts/get'], tools: ['files/*'] }),
      rule({ id: 'subscribing', effect: 'allow', methods: ['resources/subscribe'], tools: ['*/file:///*'] }),
    ];
    const index = new ToolIndex(rules, 10);
    const found = (method: string, target: string) => index.about(method, 'files', target).candidates(caller, [], false);
    expect(found('tools/call', 'read')).toEqual([0, 2]);
    expect(found('prompts/get', 'read')).toEqual([1, 2]);
    expect(found('resources/read', 'file:///a/b')).toEqual([1]);
    expect(found('resources/subscribe', 'file:///a/b')).toEqual([3]);
    expect(found('resources/unsubscribe', 'file:///a/b')).toEqual([3]);
    expect(found('resources/subscribe', 'http://a')).toEqual([]);
    expect(found('sampling/createMessage', '')).toEqual([]);
  });
});
