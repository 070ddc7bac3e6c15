import { describe, expect, it } from '@jest/globals';
import { lacking, profileOf } from './client-capabilities.js';

describe('what a client declared that it can be asked', () => {
  it('is what upstreams are told, members included, and nothing else of its capabilities', () => {
    const declared = { sampling: { tools: {} }, roots: { listChanged: true }, elicitation: { form: {}, url: {} }, experimental: { x: {} }, tasks: {} };
    expect(profileOf(declared, () => true).capabilities).toEqual({ sampling: { tools: {} }, roots: { listChanged: true }, elicitation: { form: {}, url: {} } });
  });

  it('is not told to an upstream that could never be permitted to ask for it', () => {
    const profile = profileOf({ sampling: {}, roots: {} }, (method) => method !== 'sampling/createMessage');
    expect(profile.capabilities).toEqual({ roots: {} });
  });

  it('makes one profile of the same members in another order', () => {
    const one = profileOf({ sampling: { tools: {}, context: {} }, roots: {} }, () => true);
    const other = profileOf({ roots: {}, sampling: { context: {}, tools: {} } }, () => true);
    expect(one.key).toBe(other.key);
    expect(one.key).not.toBe(profileOf({ sampling: { tools: {} }, roots: {} }, () => true).key);
  });

  it('leaves an empty profile of a client that cannot be asked anything', () => {
    expect(profileOf({ experimental: {}, sampling: true }, () => true)).toEqual({ capabilities: {}, key: '' });
  });
});

describe('a client that did not declare it', () => {
  it.each([
    [{}, 'sampling/createMessage', {}, -32601],
    [{}, 'elicitation/create', {}, -32601],
    [{}, 'roots/list', {}, -32601],
    [{ elicitation: { form: {} } }, 'elicitation/create', { mode: 'url' }, -32602],
    [{ elicitation: { url: {} } }, 'elicitation/create', {}, -32602],
    [{ elicitation: { url: {} } }, 'elicitation/create', { mode: 'form' }, -32602],
    [{ elicitation: {} }, 'elicitation/create', { mode: 'url' }, -32602],
    [{ elicitation: { form: {}, url: {} } }, 'elicitation/create', { mode: 'video' }, -32602],
    [{ sampling: {} }, 'sampling/createMessage', { tools: [] }, -32602],
    [{ sampling: {} }, 'sampling/createMessage', { toolChoice: { mode: 'auto' } }, -32602],
  ] as const)('with %j cannot be asked %s with %j', (capabilities, method, params, code) => {
    expect(lacking(capabilities, method, params as never)?.code).toBe(code);
  });

  it.each([
    [{ sampling: {} }, 'sampling/createMessage', {}],
    [{ sampling: { tools: {} } }, 'sampling/createMessage', { tools: [] }],
    [{ elicitation: {} }, 'elicitation/create', {}],
    [{ elicitation: {} }, 'elicitation/create', { mode: 'form' }],
    [{ elicitation: { form: {}, url: {} } }, 'elicitation/create', { mode: 'url' }],
    [{ roots: {} }, 'roots/list', {}],
  ] as const)('and one that declared %j can be asked %s with %j', (capabilities, method, params) => {
    expect(lacking(capabilities, method, params as never)).toBeUndefined();
  });
});
