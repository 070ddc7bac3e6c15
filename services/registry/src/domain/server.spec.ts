import { describe, expect, it } from '@jest/globals';
import { proposedLabels } from './labels.js';
import { decide, evolve, fold, initial, ServerRefused, type Command, type OfferedTool, type ServerEvent, type State } from './server.js';

const transport = { kind: 'http', url: 'http://localhost:1/mcp' } as const;
const server = { name: 'files', generation: 1, transport, enabled: true };
const registered: ServerEvent = { type: 'registry.server.registered', data: { server, by: 'ada' } };
const reached: ServerEvent = { type: 'registry.server.reached', data: { name: 'files', info: { name: 'Files', version: '1' }, protocol: '2025-11-25', tools: 1 } };
const offer = (tool: string, digest: string): OfferedTool => ({ tool, digest, definition: { name: tool, digest }, labels: ['read-only'] });
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
const reach = (tools: OfferedTool[], accept: 'first' | 'never' = 'first'): Command => ({
  do: 'reach',
  info: { name: 'Files', version: '1' },
  protocol: '2025-11-25',
  tools,
  accept,
});
const acceptTool = (tool: string, digest: string): Command => ({ do: 'accept', tool, digest, labels: ['read-only'], by: 'ada' });

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
    expect(fold(given(registered), events)!.tools.size).toBe(5_000);
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
