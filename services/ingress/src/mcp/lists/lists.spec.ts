import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { cautious } from '@customhouse/policy-engine/annotations';
import type { InstantPolicy } from '@customhouse/policy-engine/policy';
import { ada } from '../../../test/support/fakes.js';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { Catalog, type ServedTool } from '../../state/catalog.js';
import { everything, type Endpoint } from '../../state/endpoint.js';
import { callerOf } from '../caller.js';
import type { ListMethodName } from './list-methods.js';
import { Lists, type Reader } from './lists.js';

class Shelf {
  version = 1;
  all: ServedTool[] = [];
  add(server: string, tool: string): void {
    const place = `${server} ${String(this.all.length).padStart(8, '0')} ${tool}`;
    this.all.push({
      server,
      tool,
      exposed: `${server}__${tool}`,
      definition: 'D',
      labels: [],
      annotations: cautious,
      generation: 1,
      described: { name: tool, unknown: { kept: true } },
      place,
    });
  }
  toolset(): undefined {
    return undefined;
  }
  servers(): [] {
    return [];
  }
  tools({ server }: Endpoint): ServedTool[] {
    return this.all.filter((tool) => server === null || tool.server === server);
  }
}

function policy(visible: (tool: string, agent: string) => boolean = () => true, digest = 'P1'): InstantPolicy & { asked: number } {
  const made = {
    asked: 0,
    instant: true,
    version: { digest },
    visible: ({ agent }: { agent: string }, { tool }: { tool: string }) => {
      made.asked += 1;
      return visible(tool, agent);
    },
  };
  return made as unknown as InstantPolicy & { asked: number };
}

function shelf(...names: string[]): Shelf {
  const made = new Shelf();
  for (const name of names) made.add(...(name.split('/') as [string, string]));
  return made;
}

const page = (lists: Lists, rules: InstantPolicy, cursor?: unknown, server: string | null = null, caller = ada): { tools: JsonObject[]; nextCursor?: string } =>
  JSON.parse(lists.page('tools/list', caller, { server, toolset: null }, cursor === undefined ? undefined : { cursor: cursor as string }, rules)) as never;
const names = (result: { tools: JsonObject[] }): unknown[] => result.tools.map((tool) => tool['name']);

describe('tools/list', () => {
  it('shows every tool under the name of the endpoint, with everything that its server said', () => {
    const lists = new Lists(shelf('a/x', 'b/y') as unknown as Catalog, { pageSize: 10, listTtl_ms: 1 });
    expect(page(lists, policy())).toEqual({
      tools: [
        { name: 'a__x', unknown: { kept: true } },
        { name: 'b__y', unknown: { kept: true } },
      ],
    });
    expect(page(lists, policy(), undefined, 'b')).toEqual({ tools: [{ name: 'y', unknown: { kept: true } }] });
  });

  it('does not show what the policy could never allow this caller', () => {
    const lists = new Lists(shelf('a/x', 'a/y') as unknown as Catalog, { pageSize: 10, listTtl_ms: 1 });
    const rules = policy((tool, agent) => tool === 'x' || agent === 'admin');
    expect(names(page(lists, rules))).toEqual(['a__x']);
    expect(names(page(lists, rules, undefined, null, callerOf({ ...ada.principal, agent: 'admin' })))).toEqual(['a__x', 'a__y']);
  });

  it('asks the policy once for callers that it cannot tell apart, and again when catalogue or policy change', () => {
    const tools = shelf('a/x');
    const lists = new Lists(tools as unknown as Catalog, { pageSize: 10, listTtl_ms: 1 });
    const rules = policy();
    page(lists, rules);
    page(lists, rules, undefined, null, callerOf({ ...ada.principal, credential: { kind: 'key', id: 'another' } }));
    expect(rules.asked).toBe(1);
    tools.add('a', 'y');
    tools.version = 2;
    expect(names(page(lists, rules))).toEqual(['a__x', 'a__y']);
    expect(rules.asked).toBe(3);
    const stricter = policy(() => false, 'P2');
    expect(names(page(lists, stricter))).toEqual([]);
  });

  it('say of each tool whose calls could be held that it takes tasks, to clients of 2025-11-25 and to nobody else', () => {
    const tools = shelf('a/held', 'a/free', 'b/required');
    tools.all[0] = { ...tools.all[0]!, described: { name: 'held', execution: { taskSupport: 'forbidden', other: 1 } } };
    tools.all[2] = { ...tools.all[2]!, described: { name: 'required', execution: { taskSupport: 'required' } } };
    const lists = new Lists(tools as unknown as Catalog, { pageSize: 10, listTtl_ms: 1 });
    const holding = (digest: string, ...held: string[]): InstantPolicy => {
      const rules = held.map((name) => ({ id: name, effect: 'hold', reason: 'x', tools: [name] }));
      return { ...policy(undefined, digest), version: { digest, rules: { version: 1, rules }, modules: {} } } as unknown as InstantPolicy;
    };
    const seen = (rules: InstantPolicy, reader: Reader, server: string | null = null): unknown[] =>
      (JSON.parse(lists.page('tools/list', ada, { server, toolset: null }, undefined, rules, reader)) as { tools: JsonObject[] }).tools.map(({ execution }) => execution);
    const first = holding('P1', 'a/held', 'b/*');
    const plain = [{ taskSupport: 'forbidden', other: 1 }, undefined, { taskSupport: 'required' }];
    for (let turn = 0; turn < 2; turn += 1) {
      expect(seen(first, '2025-11-25')).toEqual([{ taskSupport: 'optional', other: 1 }, undefined, { taskSupport: 'required' }]);
      expect([seen(first, 'legacy'), seen(first, 'modern')]).toEqual([plain, plain]);
    }
    expect([seen(first, '2025-11-25', 'a'), seen(first, 'legacy', 'a')]).toEqual([[{ taskSupport: 'optional', other: 1 }, undefined], plain.slice(0, 2)]);
    expect(seen(holding('P2', 'a/free'), '2025-11-25')).toEqual([{ taskSupport: 'forbidden', other: 1 }, { taskSupport: 'optional' }, { taskSupport: 'required' }]);
    expect(tools.all[0].described).toEqual({ name: 'held', execution: { taskSupport: 'forbidden', other: 1 } });
  });

  it('gives pages that together are the list', () => {
    const lists = new Lists(shelf('a/1', 'a/2', 'a/3', 'a/4', 'a/5') as unknown as Catalog, { pageSize: 2, listTtl_ms: 1 });
    const seen: unknown[] = [];
    let cursor: unknown;
    let pages = 0;
    do {
      const result = page(lists, policy(), cursor);
      seen.push(...names(result));
      cursor = result.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    expect([seen, pages]).toEqual([['a__1', 'a__2', 'a__3', 'a__4', 'a__5'], 3]);
  });

  it('goes on after the same tool when the catalogue has changed in between, also when that tool is gone', () => {
    const tools = shelf('a/1', 'a/2', 'a/3');
    const lists = new Lists(tools as unknown as Catalog, { pageSize: 2, listTtl_ms: 1 });
    const { nextCursor } = page(lists, policy());
    tools.all = tools.all.filter((tool) => tool.tool !== '2');
    tools.version = 2;
    expect(names(page(lists, policy(), nextCursor))).toEqual(['a__3']);
  });

  it.each([['x'], [''], [7], [{}], ['A'.repeat(5_000)], [Buffer.from('2a').toString('base64url')]])('refuses the cursor %j', (cursor) => {
    const lists = new Lists(shelf('a/1') as unknown as Catalog, { pageSize: 2, listTtl_ms: 1 });
    expect(() => page(lists, policy(), cursor)).toThrow(expect.objectContaining({ rule: 'invalid-params' }));
  });
});

/** A catalogue as the registry would publish it. */
class Published {
  readonly catalog = new Catalog();
  put(key: string, data: unknown): this {
    this.catalog.apply({ topic: 'customhouse.state.catalog', key, event: { data } as StoredEvent });
    return this;
  }
  server(name: string, changes: object = {}): this {
    const transport = { kind: 'http', url: 'http://127.0.0.1:1/mcp' };
    const discovered = { capabilities: { tools: {}, prompts: {}, resources: {} } };
    return this.put(`server/${name}`, { server: { name, generation: 1, enabled: true, transport }, reachable: true, protocol: null, discovered, lost: [], ...changes });
  }
  tool(server: string, tool: string): this {
    return this.put(`tool/${server}/${tool}`, { server, tool, digest: 'D', definition: { name: tool }, labels: [], status: 'served', order: 0 });
  }
  prompt(server: string, prompt: string, order = 0): this {
    return this.put(`prompt/${server}/${prompt}`, { server, prompt, digest: 'D', definition: { name: prompt, unknown: 1 }, status: 'served', order });
  }
  resource(server: string, uri: string): this {
    return this.put(`resource/${server}/${uri}`, { server, uri, digest: 'D', definition: { uri, unknown: 1 }, order: 0 });
  }
  template(server: string, template: string): this {
    return this.put(`template/${server}/${template}`, { server, template, digest: 'D', definition: { uriTemplate: template, unknown: 1 }, order: 0 });
  }
  get lists(): Lists {
    return new Lists(this.catalog, { pageSize: 2, listTtl_ms: 30_000 });
  }
}

/** Remembers what it was asked, and hides what a test says. */
function rulesThat(visible: (server: string, target: string, method: string) => boolean): InstantPolicy {
  return {
    instant: true,
    version: { digest: 'P' },
    visible: (_: unknown, { server, tool }: { server: string; tool: string }, method: string) => visible(server, tool, method),
  } as unknown as InstantPolicy;
}
const all = rulesThat(() => true);
const read = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe('the lists of prompts, resources and templates', () => {
  it('show everything that the servers said, under the names of the endpoint', () => {
    const { lists } = new Published().server('a').server('b').prompt('a', 'greet').resource('a', 'file:///x').resource('b', 'file:///x').template('a', 'demo://{id}');
    expect(read(lists.page('prompts/list', ada, everything, undefined, all))).toEqual({ prompts: [{ name: 'a__greet', unknown: 1 }] });
    expect(read(lists.page('resources/list', ada, everything, undefined, all))).toEqual({
      resources: [
        { uri: 'customhouse://a/file%3A%2F%2F%2Fx', unknown: 1 },
        { uri: 'customhouse://b/file%3A%2F%2F%2Fx', unknown: 1 },
      ],
    });
    expect(read(lists.page('resources/templates/list', ada, everything, undefined, all))).toEqual({ resourceTemplates: [{ uriTemplate: 'demo://{id}', unknown: 1 }] });
    const own = { server: 'a', toolset: null };
    expect(read(lists.page('prompts/list', ada, own, undefined, all))).toEqual({ prompts: [{ name: 'greet', unknown: 1 }] });
    expect(read(lists.page('resources/list', ada, own, undefined, all))).toEqual({ resources: [{ uri: 'file:///x', unknown: 1 }] });
  });

  it('are filtered by what the policy says of using their items', () => {
    const { lists } = new Published().server('a').prompt('a', 'greet').prompt('a', 'spy').resource('a', 'file:///x').resource('a', 'file:///secret');
    const rules = rulesThat((_, target, method) => (method === 'prompts/get' ? target === 'greet' : method === 'resources/read' && target !== 'file:///secret'));
    expect(read(lists.page('prompts/list', ada, everything, undefined, rules))['prompts']).toMatchObject([{ name: 'a__greet' }]);
    expect(read(lists.page('resources/list', ada, everything, undefined, rules))['resources']).toMatchObject([{ uri: 'file:///x' }]);
  });

  it('have cursors of their own', () => {
    const { lists } = new Published().server('a').prompt('a', 'one', 1).prompt('a', 'two', 2).prompt('a', 'three', 3);
    const first = read(lists.page('prompts/list', ada, everything, undefined, all));
    const cursor = first['nextCursor'] as string;
    expect(read(lists.page('prompts/list', ada, everything, { cursor }, all))).toEqual({ prompts: [{ name: 'a__three', unknown: 1 }] });
    expect(() => lists.page('resources/list', ada, everything, { cursor }, all)).toThrow(expect.objectContaining({ rule: 'invalid-params' }));
  });

  it('say to clients of the modern era that they are complete, private, and for how long they may be kept', () => {
    const { lists } = new Published().server('a').tool('a', 'x');
    expect(read(lists.page('tools/list', ada, everything, undefined, all, 'modern'))).toEqual({
      tools: [{ name: 'a__x' }],
      resultType: 'complete',
      ttlMs: 30_000,
      cacheScope: 'private',
    });
  });
});

describe('a server that is down, slow or lying', () => {
  const incomplete = (published: Published, list: ListMethodName, rules = all, at = everything): unknown =>
    (read(published.lists.page(list, ada, at, undefined, rules))['_meta'] as JsonObject | undefined)?.['customhouse/incomplete'];

  it('costs only its own part of a list, and the list says so', () => {
    const published = new Published().server('good').tool('good', 'x').server('down', { reachable: false }).tool('down', 'y').server('new', { reachable: false, discovered: null });
    expect(read(published.lists.page('tools/list', ada, everything, undefined, all))).toEqual({
      tools: [{ name: 'down__y' }, { name: 'good__x' }],
      _meta: {
        'customhouse/incomplete': [
          { server: 'down', reason: 'unreachable' },
          { server: 'new', reason: 'not-reached-yet' },
        ],
      },
    });
  });

  it('is named in the list that could not be had, and in no other', () => {
    const published = new Published().server('a', { lost: ['prompts'] });
    expect(incomplete(published, 'prompts/list')).toEqual([{ server: 'a', reason: 'list-lost' }]);
    expect(incomplete(published, 'tools/list')).toBeUndefined();
    expect(incomplete(published, 'resources/templates/list')).toBeUndefined();
  });

  it('is not named where it has nothing of the kind, at endpoints that it is not part of, or to callers who could use nothing of it', () => {
    const published = new Published().server('a', { reachable: false, discovered: { capabilities: { tools: {} } } }).tool('a', 'x');
    expect(incomplete(published, 'prompts/list')).toBeUndefined();
    expect(incomplete(published, 'tools/list', all, { server: 'b', toolset: null })).toBeUndefined();
    expect(
      incomplete(
        published,
        'tools/list',
        rulesThat(() => false),
      ),
    ).toBeUndefined();
    // A rule for one of its tools is enough, though it does not leave the tool open.
    expect(
      incomplete(
        published,
        'tools/list',
        rulesThat((_, target) => target === 'x'),
      ),
    ).toEqual([{ server: 'a', reason: 'unreachable' }]);
  });

  it('is forgotten when it is well again', () => {
    const published = new Published().server('a', { reachable: false });
    const { lists } = published;
    expect(lists.page('tools/list', ada, everything, undefined, all)).toContain('unreachable');
    published.server('a');
    expect(lists.page('tools/list', ada, everything, undefined, all)).toBe('{"tools":[]}');
  });
});
