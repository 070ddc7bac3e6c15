import { describe, expect, it } from '@jest/globals';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { call } from '../../../test/support/fakes.js';
import type { Catalog } from '../../state/catalog.js';
import { withExposedUris } from './exposed-uris.js';

/** `mine:` leads to the server of the call, `theirs:` to another one, `ours:` to both. */
const catalog = {
  findResource: (_: unknown, uri: string) => (uri.startsWith('mine:') ? { server: 'files' } : uri.startsWith('theirs:') ? { server: 'other' } : undefined),
  choices: (_: unknown, uri: string) => (uri.startsWith('ours:') ? ['a', 'b'] : []),
} as unknown as Catalog;

function exposed(method: GovernedMethod, result: JsonObject, name = 'files__echo', target = 'echo'): JsonObject {
  const made = call({ asked: { method, name } });
  made.target = target;
  return withExposedUris(result, made, catalog);
}

const qualified = (uri: string): string => `customhouse://files/${encodeURIComponent(uri)}`;
const link = (uri: string): JsonObject => ({ type: 'resource_link', uri, name: 'x', future: 1 });

describe('URIs in results', () => {
  it.each([
    ['mine:///a', 'mine:///a'],
    ['theirs:///a', qualified('theirs:///a')],
    ['ours:///a', qualified('ours:///a')],
    ['nobodys:///a', qualified('nobodys:///a')],
    ['https://example.com/', 'https://example.com/'],
    ['HTTP://example.com/', 'HTTP://example.com/'],
    ['file:///tmp/x', 'file:///tmp/x'],
    ['data:text/plain,x', 'data:text/plain,x'],
    ['no uri', 'no uri'],
  ])('%s is known to clients as %s', (uri, expected) => {
    expect(exposed('tools/call', { content: [link(uri)] })).toEqual({ content: [link(expected)] });
  });

  it('are found wherever a result can have them, and everything else stays', () => {
    const text = { type: 'text', text: 'theirs:///a' };
    const embedded = (uri: string): JsonObject => ({ type: 'resource', resource: { uri, blob: 'AA==' }, annotations: {} });
    expect(exposed('tools/call', { content: [text, embedded('theirs:///a'), 7, null], structuredContent: { uri: 'theirs:///a' }, isError: true })).toEqual({
      content: [text, embedded(qualified('theirs:///a')), 7, null],
      structuredContent: { uri: 'theirs:///a' },
      isError: true,
    });
    expect(exposed('prompts/get', { messages: [{ role: 'user', content: link('ours:///a') }, { role: 'user', content: text }, 'odd'], description: 'd' })).toEqual({
      messages: [{ role: 'user', content: link(qualified('ours:///a')) }, { role: 'user', content: text }, 'odd'],
      description: 'd',
    });
    expect(exposed('resources/read', { contents: [{ uri: 'theirs:///a', text: 't' }] })).toEqual({ contents: [{ uri: qualified('theirs:///a'), text: 't' }] });
  });

  it('of what was asked for is the one it was asked by', () => {
    expect(exposed('resources/read', { contents: [{ uri: 'ours:///a' }, { uri: 'mine:///b' }] }, 'customhouse://files/asked', 'ours:///a')).toEqual({
      contents: [{ uri: 'customhouse://files/asked' }, { uri: 'mine:///b' }],
    });
  });

  it.each<[GovernedMethod, JsonObject]>([
    ['tools/call', { content: [link('mine:///a'), { type: 'text', text: 'x' }] }],
    ['tools/call', { content: 'odd' }],
    ['tools/call', {}],
    ['prompts/get', { messages: [{ role: 'user', content: { type: 'text', text: 'x' } }] }],
    ['resources/read', { contents: [{ uri: 7 }] }],
    ['completion/complete', { completion: { values: ['theirs:///a'] } }],
    ['roots/list', { roots: [{ uri: 'theirs:///a' }] }],
  ])('leave a result of %s the same object where nothing is to be replaced: %j', (method, result) => {
    expect(exposed(method, result)).toBe(result);
  });
});
