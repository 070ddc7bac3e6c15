import { describe, expect, it } from '@jest/globals';
import type { ListKind } from '@customhouse/events/registry/events';
import { proposedLabels } from './labels.js';
import { forEachKind, type Offer } from './offers.js';
import { decide, evolve, fold, initial, ServerRefused, type Command, type Found, type ServerEvent, type State } from './server.js';

const transport = { kind: 'http', url: 'http://localhost:1/mcp' } as const;
const server = { name: 'files', generation: 1, transport, enabled: true };
const registered: ServerEvent = { type: 'registry.server.registered', data: { server, by: 'ada' } };
const reached: ServerEvent = { type: 'registry.server.reached', data: { name: 'files', info: { name: 'Files', version: '1' }, protocol: '2025-11-25', tools: 1 } };
const offer = (name: string, digest: string): Offer => ({ name, digest, definition: { name, digest }, labels: ['read-only'] });
const discovered = (tool: string, digest: string): ServerEvent => ({
  type: 'registry.tool.discovered',
  data: { server: 'files', tool, digest, definition: { name: tool, digest } },
});
const accepted = (tool: string, digest: string, by = 'first-discovery'): ServerEvent => ({
  type: 'registry.tool.accepted',
  data: { server: 'files', tool, digest, by, labels: ['read-only'] },
});
const drifted = (tool: string, digest: string, before: string): ServerEvent => ({
  type: 'registry.tool.drifted',
  data: { server: 'files', tool, digest, accepted: before, definition: { name: tool, digest } },
});
const restored = (tool: string, digest: string): ServerEvent => ({ type: 'registry.tool.restored', data: { server: 'files', tool, digest } });
const vanished = (tool: string): ServerEvent => ({ type: 'registry.tool.vanished', data: { server: 'files', tool } });
const reach = (tools: Offer[], accept: 'first' | 'never' = 'first', others: Partial<Record<ListKind, Found>> = {}): Command => ({
  do: 'reach',
  info: { name: 'Files', version: '1' },
  protocol: '2025-11-25',
  found: { ...forEachKind(() => ({ offers: [] })), tools: { offers: tools }, ...others },
  accept,
});
const acceptTool = (tool: string, digest: string): Command => ({ do: 'accept', kind: 'tools', name: tool, digest, labels: ['read-only'], by: 'ada' });

const given = (...events: ServerEvent[]): State => events.reduce(evolve, initial);
const refusal = (command: Command, state: State): string | undefined => {
  try {
    decide(command, state);
  } catch (error) {
    if (error instanceof ServerRefused) return error.rule;
    throw error;
  }
  return undefined;
};

describe('a server', () => {
  it('is added once under its name', () => {
    const command: Command = { do: 'register', name: 'files', generation: 1, transport, enabled: true, by: 'ada' };
    expect(decide(command, initial)).toEqual([registered]);
    expect(refusal(command, given(registered))).toBe('conflict');
  });

  it('can be added again after it was removed, and its tools are not accepted from before', () => {
    const state = given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1'), { type: 'registry.server.removed', data: { name: 'files', by: 'ada' } }, registered);
    expect(decide(reach([offer('read', 'd1')], 'never'), state)).toEqual([reached, discovered('read', 'd1')]);
  });

  it('gets another generation with every change, and none when nothing changes', () => {
    const [event] = decide({ do: 'change', enabled: false, by: 'ada' }, given(registered));
    expect(event).toEqual({ type: 'registry.server.changed', data: { server: { ...server, enabled: false, generation: 2 }, by: 'ada' } });
    expect(decide({ do: 'change', enabled: true, by: 'ada' }, given(registered))).toEqual([]);
  });

  it('is lost once, and reached again', () => {
    const lost: ServerEvent = { type: 'registry.server.lost', data: { name: 'files', reason: 'unreachable' } };
    expect(decide({ do: 'lose', reason: 'unreachable' }, given(registered))).toEqual([lost]);
    expect(decide({ do: 'lose', reason: 'unreachable' }, given(registered, lost))).toEqual([]);
    expect(decide(reach([]), given(registered, reached, lost))).toEqual([{ ...reached, data: { ...reached.data, tools: 0 } }]);
  });

  it.each<Command>([{ do: 'change', by: 'ada' }, { do: 'remove', by: 'ada' }, acceptTool('read', 'd1')])('that does not exist cannot be told to $do', (command) => {
    expect(refusal(command, initial)).toBe('not-found');
  });

  it('that was removed during its discovery is not brought back by it', () => {
    expect(decide(reach([offer('read', 'd1')]), initial)).toEqual([]);
    expect(decide({ do: 'lose', reason: 'unreachable' }, initial)).toEqual([]);
  });
});

describe('a tool', () => {
  it('is accepted with its server when the server is reached for the first time', () => {
    expect(decide(reach([offer('read', 'd1')]), given(registered))).toEqual([reached, discovered('read', 'd1'), accepted('read', 'd1')]);
  });

  it('waits for somebody when the first discovery accepts nothing', () => {
    expect(decide(reach([offer('read', 'd1')], 'never'), given(registered))).toEqual([reached, discovered('read', 'd1')]);
  });

  it('that comes later waits for somebody', () => {
    const state = given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1'));
    expect(decide(reach([offer('read', 'd1'), offer('write', 'd2')]), state)).toEqual([discovered('write', 'd2')]);
  });

  it('drifts when its definition changes, once for each change', () => {
    const state = given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1'));
    expect(decide(reach([offer('read', 'd2')]), state)).toEqual([drifted('read', 'd2', 'd1')]);
    expect(decide(reach([offer('read', 'd2')]), given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1'), drifted('read', 'd2', 'd1')))).toEqual([]);
  });

  it('is restored when the accepted definition comes back, also after it had vanished', () => {
    const before = [registered, reached, discovered('read', 'd1'), accepted('read', 'd1')];
    expect(decide(reach([offer('read', 'd1')]), given(...before, drifted('read', 'd2', 'd1')))).toEqual([restored('read', 'd1')]);
    expect(decide(reach([offer('read', 'd1')]), given(...before, vanished('read')))).toEqual([restored('read', 'd1')]);
  });

  it('vanishes once', () => {
    const before = [registered, reached, discovered('read', 'd1'), accepted('read', 'd1')];
    expect(decide(reach([]), given(...before))).toEqual([vanished('read')]);
    expect(decide(reach([]), given(...before, vanished('read')))).toEqual([]);
  });

  it('is accepted as it was looked at, and not as it is by now', () => {
    const state = given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1'), drifted('read', 'd2', 'd1'));
    expect(decide(acceptTool('read', 'd2'), state)).toEqual([accepted('read', 'd2', 'ada')]);
    expect(refusal(acceptTool('read', 'd1'), state)).toBe('definition-changed');
    expect(refusal(acceptTool('write', 'd1'), state)).toBe('not-found');
    expect(decide(acceptTool('read', 'd1'), given(registered, reached, discovered('read', 'd1'), accepted('read', 'd1')))).toEqual([]);
  });
});

describe('a prompt', () => {
  const item: Offer = { name: 'greet', digest: 'p1', definition: { name: 'greet' }, labels: [] };
  const said = { server: 'files', prompt: 'greet', digest: 'p1' };
  const seen: ServerEvent = { type: 'registry.prompt.discovered', data: { ...said, definition: { name: 'greet' } } };
  const taken: ServerEvent = { type: 'registry.prompt.accepted', data: { ...said, by: 'first-discovery' } };
  const reachedEmpty = { ...reached, data: { ...reached.data, tools: 0 } };

  it('is reviewed as a tool is: accepted at first, held back when it changes', () => {
    const state = given(registered);
    const first = decide(reach([], 'first', { prompts: { offers: [item] } }), state);
    expect(first).toEqual([reachedEmpty, seen, taken]);
    const after = fold(state, first);
    const changed = { ...item, digest: 'p2', definition: { name: 'greet', description: 'Now do as I say.' } };
    expect(decide(reach([], 'first', { prompts: { offers: [changed] } }), after)).toEqual([
      { type: 'registry.prompt.drifted', data: { ...said, digest: 'p2', accepted: 'p1', definition: changed.definition } },
    ]);
    expect(decide(reach([]), after)).toEqual([{ type: 'registry.prompt.vanished', data: { server: 'files', prompt: 'greet' } }]);
  });

  it('is accepted by whoever looked at it, and a tool of the same name is something else', () => {
    const state = fold(given(registered), decide(reach([offer('greet', 'd1')], 'never', { prompts: { offers: [item] } }), given(registered)));
    const command: Command = { do: 'accept', kind: 'prompts', name: 'greet', digest: 'p1', labels: [], by: 'ada' };
    expect(decide(command, state)).toEqual([{ type: 'registry.prompt.accepted', data: { ...said, by: 'ada' } }]);
    expect(refusal({ ...command, digest: 'd1' }, state)).toBe('definition-changed');
    expect(refusal({ ...command, name: 'other' }, state)).toBe('not-found');
  });
});

describe('a resource or a template', () => {
  const page: Offer = { name: 'file:///a', digest: 'r1', definition: { uri: 'file:///a' }, labels: [] };
  const any: Offer = { name: 'file:///{path}', digest: 't1', definition: { uriTemplate: 'file:///{path}' }, labels: [] };
  const lists = { resources: { offers: [page] }, templates: { offers: [any] } };
  const listed = [
    { type: 'registry.resource.listed', data: { server: 'files', uri: 'file:///a', digest: 'r1', definition: page.definition } },
    { type: 'registry.template.listed', data: { server: 'files', template: 'file:///{path}', digest: 't1', definition: any.definition } },
  ];

  it('is listed as it is, and again when it changes; nobody has to accept it', () => {
    const state = given(registered, reached);
    const events = decide(reach([], 'never', lists), state);
    expect(events).toEqual(listed);
    const after = fold(state, events);
    expect(decide(reach([], 'never', lists), after)).toEqual([]);
    expect(decide(reach([], 'never', { ...lists, resources: { offers: [{ ...page, digest: 'r2' }] } }), after)).toEqual([
      { ...listed[0], data: { ...listed[0]!.data, digest: 'r2' } },
    ]);
    expect(decide(reach([], 'never'), after)).toEqual([
      { type: 'registry.resource.vanished', data: { server: 'files', uri: 'file:///a' } },
      { type: 'registry.template.vanished', data: { server: 'files', template: 'file:///{path}' } },
    ]);
  });
});

describe('a list that cannot be had', () => {
  const lost: ServerEvent = { type: 'registry.list.lost', data: { server: 'files', list: 'prompts', reason: 'it does not end' } };
  const without = { prompts: { lost: 'it does not end' } };
  const item: Offer = { name: 'greet', digest: 'p1', definition: { name: 'greet' }, labels: [] };

  it('is said once, costs no other list, and leaves what was listed before', () => {
    const state = fold(given(registered), decide(reach([offer('read', 'd1')], 'first', { prompts: { offers: [item] } }), given(registered)));
    const events = decide(reach([offer('read', 'd2')], 'first', without), state);
    expect(events).toEqual([lost, drifted('read', 'd2', 'd1')]);
    const after = fold(state, events);
    expect(after!.offers.prompts).toEqual(state!.offers.prompts);
    expect(decide(reach([offer('read', 'd2')], 'first', without), after)).toEqual([]);
    expect(decide(reach([offer('read', 'd2')], 'first', { prompts: { offers: [item] } }), after)).toEqual([
      { type: 'registry.list.restored', data: { server: 'files', list: 'prompts' } },
    ]);
  });

  it('is accepted with its server when it is had for the first time, and not after that', () => {
    const first = fold(given(registered), decide(reach([], 'first', without), given(registered)));
    const events = decide(reach([], 'first', { prompts: { offers: [item] } }), first);
    expect(events.map(({ type }) => type)).toEqual(['registry.list.restored', 'registry.prompt.discovered', 'registry.prompt.accepted']);
    const later = fold(first, events);
    const another = { ...item, name: 'more' };
    expect(decide(reach([], 'first', { prompts: { offers: [item, another] } }), later).map(({ type }) => type)).toEqual(['registry.prompt.discovered']);
  });

  it('does not keep a server that was reached from being so', () => {
    const events = decide(reach([], 'first', without), given(registered));
    expect(events).toEqual([lost, { ...reached, data: { ...reached.data, tools: 0 } }]);
    expect(fold(given(registered), events)).toMatchObject({ reachable: true });
  });
});

describe('folding', () => {
  const history = [registered, reached, discovered('read', 'd1'), accepted('read', 'd1'), drifted('read', 'd2', 'd1'), vanished('read'), restored('read', 'd1')];

  it('gives the same state in one go as event by event, and leaves earlier states alone', () => {
    const half = fold(initial, history.slice(0, 4));
    const copy = structuredClone(half);
    expect(fold(half, history.slice(4))).toEqual(given(...history));
    expect(half).toEqual(copy);
    const gone: ServerEvent = { type: 'registry.server.removed', data: { name: 'files', by: 'ada' } };
    expect(fold(half, [discovered('more', 'd3'), gone, registered, discovered('new', 'd4')])).toEqual(given(registered, discovered('new', 'd4')));
  });

  it('takes time in proportion to the number of events', () => {
    const tools = Array.from({ length: 5_000 }, (_tool, index) => offer(`tool-${index}`, `d${index}`));
    const events = decide(reach(tools), given(registered));
    const begun = performance.now();
    expect(fold(given(registered), events)!.offers.tools.size).toBe(5_000);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});

describe('proposed labels', () => {
  it.each([
    [undefined, []],
    ['nonsense', []],
    [{ readOnlyHint: true, destructiveHint: true }, ['read-only']],
    [{ readOnlyHint: false }, ['destructive']],
    [{ readOnlyHint: false, destructiveHint: false, idempotentHint: true }, ['idempotent']],
    [{ destructiveHint: true }, ['destructive']],
    [{ readOnlyHint: true, openWorldHint: true }, ['read-only', 'returns-untrusted', 'communicates-externally']],
  ])('of annotations %j are %j', (annotations, labels) => {
    expect(proposedLabels({ name: 't', annotations })).toEqual(labels);
  });
});
