import { describe, expect, it } from '@jest/globals';
import { selectArguments } from './select-arguments.js';

const given = JSON.parse('{"path":"/etc/passwd","deep":{"list":[{"name":"first"},"second"]},"a/b":1,"m~n":false,"":null,"bad":"\\ud800x","__proto__":{"admin":true}}') as unknown;

describe('the arguments that the policy looks at', () => {
  it('are taken by JSON Pointer, and what is not there is left out', () => {
    expect(selectArguments(['/path', '/deep/list/1', '/deep/list/0/name', '/a~1b', '/m~0n', '/', '/missing', '/path/0', '/deep/list/2'], given)).toEqual({
      '/path': '/etc/passwd',
      '/deep/list/1': 'second',
      '/deep/list/0/name': 'first',
      '/a~1b': 1,
      '/m~0n': false,
      '/': null,
    });
  });

  it('never include what an object or a list inherits', () => {
    expect(selectArguments(['/constructor', '/toString', '/deep/list/length', '/deep/list/00', '/deep/list/-', '/path/length', '/deep/hasOwnProperty'], given)).toEqual({});
  });

  it('include a member that is called like an inherited one, when the caller sent it', () => {
    expect(selectArguments(['/__proto__', '/__proto__/admin'], given)).toEqual({ '/__proto__': {}, '/__proto__/admin': true });
  });

  it('show of an object or a list only that it is one', () => {
    expect(selectArguments(['/deep', '/deep/list'], given)).toEqual({ '/deep': {}, '/deep/list': [] });
  });

  it('are well-formed texts', () => {
    expect(selectArguments(['/bad'], given)).toEqual({ '/bad': '\ufffdx' });
  });

  it.each([[undefined], [null], ['text'], [5], [[]]])('are none when the arguments are %j', (values) => {
    expect(selectArguments(['/path', '/0'], values)).toEqual({});
  });

  it('are none when no rule looks at any', () => {
    expect(selectArguments([], given)).toEqual({});
  });
});
