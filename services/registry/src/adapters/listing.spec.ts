import { describe, expect, it } from '@jest/globals';
import type { ListKind } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { UpstreamFailed, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { ListingRefused, readListing, readListings } from './listing.js';

const limits = { tools: 5, templates: 2, pages: 10, definitionBytes: 1_000, pageBytes: 10_000, listBytes: 2_000, listTimeout_ms: 1_000 };
const signal = new AbortController().signal;
const everything: JsonObject = { tools: {}, prompts: {}, resources: {} };

/** Answers by method and cursor. */
function server(answers: (method: string, cursor: string | undefined) => UpstreamAnswer | Promise<UpstreamAnswer>, capabilities = everything): Upstream & { asked: string[] } {
  const asked: string[] = [];
  const made = {
    asked,
    initialized: { capabilities },
    call: async ({ method, params }: { method: string; params?: JsonObject }) => {
      const cursor = params?.['cursor'] as string | undefined;
      asked.push(cursor === undefined ? method : `${method} ${cursor}`);
      return answers(method, cursor);
    },
  };
  return made as unknown as Upstream & { asked: string[] };
}

const names = async (upstream: Upstream, kind: ListKind): Promise<string[]> => (await readListing(upstream, kind, limits, signal)).offers.map((offer) => offer.name);

describe('reading a list', () => {
  it.each([
    ['tools', 'tools/list', { tools: [{ name: 'a' }, { name: 'b' }] }],
    ['prompts', 'prompts/list', { prompts: [{ name: 'a' }, { name: 'b' }] }],
    ['resources', 'resources/list', { resources: [{ uri: 'a' }, { uri: 'b' }] }],
    ['templates', 'resources/templates/list', { resourceTemplates: [{ uriTemplate: 'a' }, { uriTemplate: 'b' }] }],
  ] as const)('of %s asks for %s', async (kind, method, result) => {
    const upstream = server(() => ({ result: result as unknown as JsonObject }));
    expect([await names(upstream, kind), upstream.asked]).toEqual([['a', 'b'], [method]]);
  });

  it('takes all pages, in their order, and the first of two items of one name', async () => {
    const pages: Record<string, JsonObject> = {
      first: { prompts: [{ name: 'c' }, { name: 'a', title: 'one' }], nextCursor: '2' },
      '2': { prompts: [{ name: 'a', title: 'other' }], nextCursor: '3' },
      '3': { prompts: [{ name: 'b' }] },
    };
    const upstream = server((_, cursor) => ({ result: pages[cursor ?? 'first']! }));
    const { offers, omitted } = await readListing(upstream, 'prompts', limits, signal);
    expect(offers.map(({ name, definition }) => [name, definition['title']])).toEqual([
      ['c', undefined],
      ['a', 'one'],
      ['b', undefined],
    ]);
    expect(omitted).toEqual(['"a": listed twice, the first counts']);
    expect(upstream.asked).toEqual(['prompts/list', 'prompts/list 2', 'prompts/list 3']);
  });

  it('asks nothing of a server that does not have the capability', async () => {
    const upstream = server(() => ({ result: {} }), { tools: {} });
    expect([await names(upstream, 'prompts'), await names(upstream, 'templates'), upstream.asked]).toEqual([[], [], []]);
  });

  it('takes a method that a server does not know for an empty list, but for tools', async () => {
    const upstream = server(() => ({ error: { code: -32601, message: 'no such method' } }));
    expect(await names(upstream, 'templates')).toEqual([]);
    expect(await names(upstream, 'resources')).toEqual([]);
    await expect(names(upstream, 'tools')).rejects.toThrow(ListingRefused);
  });

  it.each<[string, ListKind, JsonObject, string]>([
    ['is no list', 'resources', { resources: 'all' }, 'no list of resources'],
    ['has a strange cursor', 'prompts', { prompts: [], nextCursor: 7 }, 'nextCursor'],
    ['leads to itself', 'prompts', { prompts: [], nextCursor: 'x' }, 'does not end'],
    ['is too long', 'resources', { resources: Array.from({ length: 6 }, (_, index) => ({ uri: `u${index}` })) }, 'more than 5 resources (CUSTOMHOUSE_REGISTRY_TOOLS)'],
    [
      'has too many templates',
      'templates',
      { resourceTemplates: Array.from({ length: 3 }, (_, index) => ({ uriTemplate: `u${index}` })) },
      'more than 2 templates (CUSTOMHOUSE_REGISTRY_TEMPLATES)',
    ],
    ['is too large', 'prompts', { prompts: Array.from({ length: 3 }, (_, index) => ({ name: `p${index}`, x: 'x'.repeat(900) })) }, 'longer than 2000 bytes'],
  ])('refuses one that %s', async (_, kind, result, words) => {
    await expect(
      names(
        server(() => ({ result })),
        kind,
      ),
    ).rejects.toThrow(words);
  });

  it('refuses one whose pages together take too long, though each comes in time', async () => {
    let page = 0;
    const upstream = server(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { result: { prompts: [], nextCursor: String((page += 1)) } };
    });
    await expect(readListing(upstream, 'prompts', { ...limits, pages: 10_000, listTimeout_ms: 30 }, signal)).rejects.toThrow('takes longer than 120 ms');
  });
});

describe('reading all lists', () => {
  const kinds = ['tools', 'prompts', 'resources', 'templates'] as const;

  it('gives what there is, and for each list that failed the reason', async () => {
    const upstream = server((method) => {
      if (method === 'prompts/list') throw new UpstreamFailed('timeout', 'maybe', 'it took too long');
      if (method === 'resources/list') return { error: { code: -32603, message: 'out of order' } };
      return { result: { tools: [{ name: 'a' }], resourceTemplates: [] } };
    });
    const found = await readListings(upstream, kinds, limits, signal);
    expect(found.tools).toMatchObject({ offers: [{ name: 'a' }] });
    expect(found.prompts).toMatchObject({ message: 'it took too long' });
    expect(found.resources).toMatchObject({ message: 'it answered resources/list with the error -32603: out of order' });
    expect(found.templates).toMatchObject({ offers: [] });
  });

  it('gives up when the connection is gone', async () => {
    const upstream = server((method) => {
      if (method === 'prompts/list') throw new UpstreamFailed('closed', 'maybe', 'the process ended');
      return { result: { tools: [], resources: [], resourceTemplates: [] } };
    });
    await expect(readListings(upstream, kinds, limits, signal)).rejects.toThrow('the process ended');
  });
});
