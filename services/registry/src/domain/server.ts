import type { Server, ToolDefinition, ToolLabel, Transport } from '@customhouse/events/registry/events';

/** A tool as this server offers it, and what was accepted of it. */
export interface Tool {
  /** Digest of what is offered; undefined while it is not offered. */
  readonly offered: string | undefined;
  readonly accepted: string | undefined;
  readonly labels: readonly ToolLabel[];
}

export interface KnownServer {
  readonly server: Server;
  readonly reachable: boolean | undefined;
  /** A successful discovery has happened since it was added. */
  readonly everReached: boolean;
  readonly info: string | undefined;
  readonly tools: ReadonlyMap<string, Tool>;
}

/** Undefined: there is no such server (any more). */
export type State = KnownServer | undefined;
export const initial: State = undefined;

export interface OfferedTool {
  readonly tool: string;
  readonly digest: string;
  readonly definition: ToolDefinition;
  /** What its annotations claim. */
  readonly labels: readonly ToolLabel[];
}

export type Command =
  /** `generation`: higher than any that the name ever had. */
  | { readonly do: 'register'; readonly name: string; readonly generation: number; readonly transport: Transport; readonly enabled: boolean; readonly by: string }
  | { readonly do: 'change'; readonly transport?: Transport; readonly enabled?: boolean; readonly by: string }
  | { readonly do: 'remove'; readonly by: string }
  | {
      readonly do: 'reach';
      readonly info: { readonly name: string; readonly version: string };
      readonly protocol: string;
      readonly tools: readonly OfferedTool[];
      /** `first`: what a server offers when it is reached for the first time is accepted with the server. */
      readonly accept: 'first' | 'never';
    }
  | { readonly do: 'lose'; readonly reason: string }
  | { readonly do: 'accept'; readonly tool: string; readonly digest: string; readonly labels: readonly ToolLabel[]; readonly by: string };

interface ToolSaid {
  readonly server: string;
  readonly tool: string;
  readonly digest: string;
}

export type ServerEvent =
  | { readonly type: 'registry.server.registered'; readonly data: { readonly server: Server; readonly by: string } }
  | { readonly type: 'registry.server.changed'; readonly data: { readonly server: Server; readonly by: string } }
  | { readonly type: 'registry.server.removed'; readonly data: { readonly name: string; readonly by: string } }
  | {
      readonly type: 'registry.server.reached';
      readonly data: { readonly name: string; readonly info: { readonly name: string; readonly version: string }; readonly protocol: string; readonly tools: number };
    }
  | { readonly type: 'registry.server.lost'; readonly data: { readonly name: string; readonly reason: string } }
  | { readonly type: 'registry.tool.discovered'; readonly data: ToolSaid & { readonly definition: ToolDefinition } }
  | { readonly type: 'registry.tool.drifted'; readonly data: ToolSaid & { readonly accepted: string; readonly definition: ToolDefinition } }
  | { readonly type: 'registry.tool.accepted'; readonly data: ToolSaid & { readonly by: string; readonly labels: readonly ToolLabel[] } }
  | { readonly type: 'registry.tool.restored'; readonly data: ToolSaid }
  | { readonly type: 'registry.tool.vanished'; readonly data: { readonly server: string; readonly tool: string } };

export type RefusalRule = 'conflict' | 'not-found' | 'definition-changed';

/** The command cannot be carried out, and nothing happened. */
export class ServerRefused extends Error {
  override readonly name = 'ServerRefused';
  constructor(
    readonly rule: RefusalRule,
    message: string,
  ) {
    super(message);
  }
}

/** What happens; an empty list when everything is so already. Throws ServerRefused. */
export function decide(command: Command, state: State): ServerEvent[] {
  if (command.do === 'register') return register(command, state);
  // A server that was removed while its discovery was under way: what that found out concerns nobody.
  if (!state && (command.do === 'reach' || command.do === 'lose')) return [];
  if (!state) throw new ServerRefused('not-found', 'there is no such server');
  switch (command.do) {
    case 'change':
      return change(command, state);
    case 'remove':
      return [{ type: 'registry.server.removed', data: { name: state.server.name, by: command.by } }];
    case 'reach':
      return reach(command, state);
    case 'lose':
      return state.reachable === false ? [] : [{ type: 'registry.server.lost', data: { name: state.server.name, reason: command.reason } }];
    case 'accept':
      return accept(command, state);
  }
}

function register({ name, generation, transport, enabled, by }: Command & { do: 'register' }, state: State): ServerEvent[] {
  if (state) throw new ServerRefused('conflict', `there is a server "${name}" already: change it, or choose another name`);
  return [{ type: 'registry.server.registered', data: { server: { name, generation, transport, enabled }, by } }];
}

function change({ transport, enabled, by }: Command & { do: 'change' }, { server }: KnownServer): ServerEvent[] {
  const changed = { ...server, transport: transport ?? server.transport, enabled: enabled ?? server.enabled };
  if (JSON.stringify(changed) === JSON.stringify(server)) return [];
  return [{ type: 'registry.server.changed', data: { server: { ...changed, generation: server.generation + 1 }, by } }];
}

function reach(command: Command & { do: 'reach' }, state: KnownServer): ServerEvent[] {
  const { name } = state.server;
  const events: ServerEvent[] = [];
  if (state.reachable !== true || state.info !== infoText(command)) {
    events.push({ type: 'registry.server.reached', data: { name, info: command.info, protocol: command.protocol, tools: command.tools.length } });
  }
  const acceptNow = command.accept === 'first' && !state.everReached;
  for (const offer of command.tools) events.push(...offered(offer, state.tools.get(offer.tool), name, acceptNow));
  const present = new Set(command.tools.map((offer) => offer.tool));
  for (const [tool, { offered: digest }] of state.tools) {
    if (digest !== undefined && !present.has(tool)) events.push({ type: 'registry.tool.vanished', data: { server: name, tool } });
  }
  return events;
}

function offered({ tool, digest, definition, labels }: OfferedTool, known: Tool | undefined, server: string, acceptNow: boolean): ServerEvent[] {
  if (known?.offered === digest) return [];
  const said = { server, tool, digest };
  if (known?.accepted === digest) return [{ type: 'registry.tool.restored', data: said }];
  if (known?.accepted !== undefined) return [{ type: 'registry.tool.drifted', data: { ...said, accepted: known.accepted, definition } }];
  const discovered: ServerEvent = { type: 'registry.tool.discovered', data: { ...said, definition } };
  return acceptNow ? [discovered, { type: 'registry.tool.accepted', data: { ...said, by: 'first-discovery', labels: [...labels] } }] : [discovered];
}

function accept({ tool, digest, labels, by }: Command & { do: 'accept' }, { server, tools }: KnownServer): ServerEvent[] {
  const known = tools.get(tool);
  if (known?.offered === undefined) throw new ServerRefused('not-found', `the server "${server.name}" offers no tool "${tool}"`);
  if (known.offered !== digest) throw new ServerRefused('definition-changed', `the definition that is offered has the digest ${known.offered}`);
  if (known.accepted === digest && sameLabels(known.labels, labels)) return [];
  return [{ type: 'registry.tool.accepted', data: { server: server.name, tool, digest, by, labels: [...labels] } }];
}

function sameLabels(left: readonly ToolLabel[], right: readonly ToolLabel[]): boolean {
  return left.length === right.length && left.every((label) => right.includes(label));
}

function infoText({ info, protocol }: { readonly info: { readonly name: string; readonly version: string }; readonly protocol: string }): string {
  return JSON.stringify([info.name, info.version, protocol]);
}

export function evolve(state: State, event: ServerEvent): State {
  return fold(state, [event]);
}

/** The state after some events. The tools are copied once and not for each event: a server may have thousands. */
export function fold(state: State, events: Iterable<ServerEvent>): State {
  let after = state;
  let own: Map<string, Tool> | undefined;
  for (const event of events) {
    if (event.type.startsWith('registry.tool.') && after) {
      own ??= new Map(after.tools);
      after = after.tools === own ? after : { ...after, tools: own };
      const { tool, changes } = toolChanges(event as ToolEvent);
      own.set(tool, { ...(own.get(tool) ?? unknownTool), ...changes });
    } else {
      after = evolveServer(after, event);
      if (after?.tools !== own) own = undefined;
    }
  }
  return after;
}

function evolveServer(state: State, event: ServerEvent): State {
  if (event.type === 'registry.server.registered') return { server: event.data.server, reachable: undefined, everReached: false, info: undefined, tools: new Map() };
  if (!state) return state;
  switch (event.type) {
    case 'registry.server.changed':
      return { ...state, server: event.data.server, reachable: undefined };
    case 'registry.server.removed':
      return undefined;
    case 'registry.server.reached':
      return { ...state, reachable: true, everReached: true, info: infoText(event.data) };
    case 'registry.server.lost':
      return { ...state, reachable: false };
    default:
      return state;
  }
}

type ToolEvent = Extract<ServerEvent, { type: `registry.tool.${string}` }>;

const unknownTool: Tool = { offered: undefined, accepted: undefined, labels: [] };

function toolChanges(event: ToolEvent): { readonly tool: string; readonly changes: Partial<Tool> } {
  const { tool } = event.data;
  switch (event.type) {
    case 'registry.tool.discovered':
    case 'registry.tool.drifted':
    case 'registry.tool.restored':
      return { tool, changes: { offered: event.data.digest } };
    case 'registry.tool.accepted':
      return { tool, changes: { accepted: event.data.digest, labels: event.data.labels } };
    case 'registry.tool.vanished':
      return { tool, changes: { offered: undefined } };
  }
}
