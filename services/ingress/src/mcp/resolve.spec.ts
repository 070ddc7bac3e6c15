import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { call, session } from '../../test/support/fakes.js';
import { Catalog } from '../state/catalog.js';
import { isQuarantined, resolve, resolveAgain } from './resolve.js';

const prompt = { ref: { type: 'ref/prompt' } };
const template = { ref: { type: 'ref/resource' } };

function catalogWith(): Catalog {
  const catalog = new Catalog();
  const put = (key: string, data: JsonObject): void => catalog.apply({ topic: 'customhouse.state.catalog', key, event: { data } as unknown as StoredEvent }) as undefined;
  for (const [name, generation] of [
    ['files', 3],
    ['books', 5],
  ] as const)
    put(`server/${name}`, {
      server: { name, generation, enabled: true, transport: { kind: 'http', url: 'http://127.0.0.1:1/mcp' } },
      reachable: true,
      protocol: null,
      discovered: null,
      lost: [],
    });
  put('tool/files/echo', { server: 'files', tool: 'echo', digest: 'D1', definition: { name: 'echo' }, labels: ['read-only'], status: 'served', order: 0 });
  put('tool/files/new', { server: 'files', tool: 'new', digest: 'D2', definition: { name: 'new' }, labels: [], status: 'quarantined', order: 1 });
  put('prompt/files/greet', { server: 'files', prompt: 'greet', digest: 'P1', definition: { name: 'greet' }, status: 'served', order: 0 });
  put('prompt/files/fresh', { server: 'files', prompt: 'fresh', digest: 'P2', definition: { name: 'fresh' }, status: 'quarantined', order: 1 });
  put('resource/files/a', { server: 'files', uri: 'file:///a', digest: 'R1', definition: { uri: 'file:///a', name: 'a' }, order: 0 });
  put('resource/files/b', { server: 'files', uri: 'file:///b', digest: 'R2', definition: { uri: 'file:///b', name: 'b' }, order: 1 });
  put('resource/books/b', { server: 'books', uri: 'file:///b', digest: 'R3', definition: { uri: 'file:///b', name: 'b' }, order: 0 });
  put('template/books/t', { server: 'books', template: 'book:///{id}', digest: 'T1', definition: { uriTemplate: 'book:///{id}', name: 't' }, order: 0 });
  return catalog;
}

const catalog = catalogWith();

function resolved(method: GovernedMethod, name: string, server: string | null, rest: JsonObject = {}): unknown[] {
  const made = call({ asked: { method, name, arguments: rest }, session: { ...session, server }, tool: undefined });
  resolve(made, catalog);
  return [made.server, made.target, made.served && [made.served.server, made.served.definition, made.served.labels, made.served.generation]];
}

describe('resolving what a request is aimed at', () => {
  it.each([
    ['files__echo', null, ['files', 'echo', ['files', 'D1', ['read-only'], 3]]],
    ['files__unknown', null, ['files', 'unknown', undefined]],
    ['files__a__b', null, ['files', 'a__b', undefined]],
    ['files__new', null, ['files', 'new', undefined]],
    ['echo', null, ['', 'echo', undefined]],
    ['__echo', null, ['', '__echo', undefined]],
    ['echo', 'files', ['files', 'echo', ['files', 'D1', ['read-only'], 3]]],
    ['files__echo', 'files', ['files', 'files__echo', undefined]],
  ])('finds the tool %s at %s', (name, server, expected) => {
    expect(resolved('tools/call', name, server)).toEqual(expected);
  });

  it.each<[GovernedMethod, string, string | null, JsonObject, unknown[]]>([
    ['prompts/get', 'files__greet', null, {}, ['files', 'greet', ['files', 'P1', [], 3]]],
    ['prompts/get', 'greet', 'files', {}, ['files', 'greet', ['files', 'P1', [], 3]]],
    ['prompts/get', 'greet', null, {}, ['', 'greet', undefined]],
    ['prompts/get', 'files__echo', null, {}, ['files', 'echo', undefined]],
    ['completion/complete', 'files__greet', null, prompt, ['files', 'greet', ['files', 'P1', [], 3]]],
    ['completion/complete', 'book:///{id}', null, template, ['books', 'book:///{id}', ['books', null, [], 5]]],
    ['completion/complete', 'book:///{id}', 'books', template, ['books', 'book:///{id}', ['books', null, [], 5]]],
    ['completion/complete', 'nothing:///{id}', null, template, ['', 'nothing:///{id}', undefined]],
    ['resources/read', 'file:///a', null, {}, ['files', 'file:///a', ['files', null, [], 3]]],
    ['resources/read', 'book:///7', null, {}, ['books', 'book:///7', ['books', null, [], 5]]],
    ['resources/subscribe', 'file:///a', null, {}, ['files', 'file:///a', ['files', null, [], 3]]],
    ['resources/unsubscribe', 'file:///a', 'files', {}, ['files', 'file:///a', ['files', null, [], 3]]],
    ['resources/read', 'other:///x__y', null, {}, ['', 'other:///x__y', undefined]],
    // Two servers have it, and none of them can take it from the other.
    ['resources/read', 'file:///b', null, {}, ['', 'file:///b', undefined]],
    ['resources/read', 'file:///b', 'books', {}, ['books', 'file:///b', ['books', null, [], 5]]],
    ['resources/read', 'customhouse://books/file%3A%2F%2F%2Fb', null, {}, ['books', 'file:///b', ['books', null, [], 5]]],
  ])('finds for %s what is meant by %s at %s', (method, name, server, rest, expected) => {
    expect(resolved(method, name, server, rest)).toEqual(expected);
  });

  it('finds what was recorded by the own names of the server', () => {
    const made = call({ asked: { method: 'resources/read', name: 'customhouse://books/file%3A%2F%2F%2Fb', arguments: {} }, tool: undefined });
    Object.assign(made, { server: 'books', target: 'file:///b' });
    resolveAgain(made, catalog);
    expect(made.served).toMatchObject({ server: 'books', generation: 5 });
  });

  it.each([
    ['tools/call', 'new', true],
    ['tools/call', 'fresh', false],
    ['prompts/get', 'fresh', true],
    ['prompts/get', 'new', false],
    ['resources/read', 'new', false],
  ] as const)('knows for %s whether %s waits for review', (method, name, expected) => {
    const made = call({ asked: { method, name, arguments: {} }, session: { ...session, server: 'files' }, tool: undefined });
    resolve(made, catalog);
    expect(isQuarantined(made, catalog)).toBe(expected);
  });
});
