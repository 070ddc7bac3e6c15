import { describe, expect, it } from '@jest/globals';
import { targetText } from './call-target.js';

describe('what a call is aimed at', () => {
  it.each([
    [{ method: 'tools/call', server: 'files', tool: 'read', exposed: 'files__read' }, 'files__read'],
    [{ method: 'tools/call', server: 'files', tool: 'read' }, 'files__read'],
    [{ method: 'tools/call', server: 'files', tool: 'read', exposed: 'read' }, 'read'],
    [{ method: 'prompts/get', server: 'files', tool: 'greet' }, 'prompts/get files__greet'],
    [{ method: 'resources/read', server: 'files', tool: 'file:///a' }, 'resources/read file:///a'],
    [{ method: 'resources/read', server: 'files', tool: 'file:///a', exposed: 'customhouse://files/file%3A%2F%2F%2Fa' }, 'resources/read customhouse://files/file%3A%2F%2F%2Fa'],
    [{ method: 'elicitation/create', server: 'files', tool: 'read', exposed: 'files__read' }, 'elicitation/create files__read'],
    [{ method: null, server: null, tool: null, exposed: null }, null],
  ])('of %j is %s', (call, text) => {
    expect(targetText(call)).toBe(text);
  });
});
