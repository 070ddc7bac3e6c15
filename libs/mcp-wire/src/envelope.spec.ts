import { describe, expect, it } from '@jest/globals';
import { nameInBody } from './envelope.js';

describe('the name that a request carries in a header', () => {
  it.each([
    ['tools/call', { name: 'read' }, 'read'],
    ['prompts/get', { name: 'greet' }, 'greet'],
    ['resources/read', { uri: 'file:///a' }, 'file:///a'],
    ['tasks/get', { taskId: 't1' }, 't1'],
    ['resources/list', { name: 'x' }, undefined],
    ['tools/call', { name: 7 }, undefined],
    ['tools/call', undefined, undefined],
    ['constructor', { name: 'x' }, undefined],
  ])('of %s with %j is %s', (method, params, expected) => {
    expect(nameInBody(method, params)).toBe(expected);
  });
});
