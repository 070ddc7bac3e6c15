import { describe, expect, it } from '@jest/globals';
import { call, echoTool, session } from '../../test/support/fakes.js';
import type { Catalog } from '../state/catalog.js';
import type { Endpoint } from '../state/endpoint.js';
import { resolve } from './resolve.js';

const catalog = {
  findTool: ({ server }: Endpoint, name: string) => (name === (server === null ? 'files__echo' : 'echo') ? echoTool : undefined),
} as Catalog;

function resolved(name: string, server: string | null): [string, string, boolean] {
  const made = call({ asked: { name }, session: { ...session, server } });
  resolve(made, catalog);
  return [made.server, made.target, made.served === echoTool];
}

describe('resolving the name of a tool', () => {
  it.each([
    ['files__echo', null, ['files', 'echo', true]],
    ['files__unknown', null, ['files', 'unknown', false]],
    ['files__a__b', null, ['files', 'a__b', false]],
    ['echo', null, ['', 'echo', false]],
    ['__echo', null, ['', '__echo', false]],
    ['echo', 'files', ['files', 'echo', true]],
    ['files__echo', 'files', ['files', 'files__echo', false]],
  ] as const)('%s at %s', (name, server, expected) => {
    expect(resolved(name, server)).toEqual(expected);
  });
});
