import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Policy } from '@customhouse/policy-engine/policy';
import { ada } from '../../../test/support/fakes.js';
import type { Catalog, ServedTool } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';
import { callerOf } from '../caller.js';
import { Lists } from './lists.js';

class Shelf {
  version = 1;
  all: ServedTool[] = [];
  add(server: string, tool: string): void {
    const place = `${server} ${String(this.all.length).padStart(8, '0')} ${tool}`;
    this.all.push({ server, tool, exposed: `${server}__${tool}`, definition: 'D', labels: [], generation: 1, described: { name: tool, unknown: { kept: true } }, place });
  }
  servers(): [] {
    return [];
  }
  tools({ server }: Endpoint): ServedTool[] {
    return this.all.filter((tool) => server === null || tool.server === server);
  }
}

function policy(visible: (tool: string, agent: string) => boolean = () => true, digest = 'P1'): Policy & { asked: number } {
  const made = {
    asked: 0,
    version: { digest },
    visible: ({ agent }: { agent: string }, { tool }: { tool: string }) => {
      made.asked += 1;
      return visible(tool, agent);
    },
  };
  return made as unknown as Policy & { asked: number };
}

function shelf(...names: string[]): Shelf {
  const made = new Shelf();
  for (const name of names) made.add(...(name.split('/') as [string, string]));
  return made;
}

const page = (lists: Lists, rules: Policy, cursor?: unknown, server: string | null = null, caller = ada): { tools: JsonObject[]; nextCursor?: string } =>
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
