import type { ListKind, Server, ToolLabel, Transport } from '@customhouse/events/registry/events';
import { acceptance, compare, forEachKind, listKinds, offerChange, type Known, type Offer, type OfferEvent, type ReviewedKind } from './offers.js';

export type Offers = Readonly<Record<ListKind, ReadonlyMap<string, Known>>>;

export interface KnownServer {
  readonly server: Server;
  readonly reachable: boolean | undefined;
  readonly info: string | undefined;
  /** Lists that were had at least once since the server was added. */
  readonly listed: ReadonlySet<ListKind>;
  /** Lists that could not be had or believed the last time. */
  readonly lost: ReadonlySet<ListKind>;
  readonly offers: Offers;
}

/** Undefined: there is no such server (any more). */
export type State = KnownServer | undefined;
export const initial: State = undefined;

/** A list as it was had, or why it was not. */
export type Found = { readonly offers: readonly Offer[] } | { readonly lost: string };

export type Command =
  /** `generation`: higher than any that the name ever had. */
  | { readonly do: 'register'; readonly name: string; readonly generation: number; readonly transport: Transport; readonly enabled: boolean; readonly by: string }
  | { readonly do: 'change'; readonly transport?: Transport; readonly enabled?: boolean; readonly by: string }
  | { readonly do: 'remove'; readonly by: string }
  | {
      readonly do: 'reach';
      readonly info: { readonly name: string; readonly version: string };
      readonly protocol: string;
      readonly found: Readonly<Record<ListKind, Found>>;
      /** `first`: what a server offers when its list is had for the first time is accepted with the server. */
      readonly accept: 'first' | 'never';
    }
  | { readonly do: 'lose'; readonly reason: string }
  | { readonly do: 'accept'; readonly kind: ReviewedKind; readonly name: string; readonly digest: string; readonly labels: readonly ToolLabel[]; readonly by: string };

export type ServerEvent =
  | { readonly type: 'registry.server.registered'; readonly data: { readonly server: Server; readonly by: string } }
  | { readonly type: 'registry.server.changed'; readonly data: { readonly server: Server; readonly by: string } }
  | { readonly type: 'registry.server.removed'; readonly data: { readonly name: string; readonly by: string } }
  | {
      readonly type: 'registry.server.reached';
      readonly data: { readonly name: string; readonly info: { readonly name: string; readonly version: string }; readonly protocol: string; readonly tools: number };
    }
  | { readonly type: 'registry.server.lost'; readonly data: { readonly name: string; readonly reason: string } }
  | { readonly type: 'registry.list.lost'; readonly data: { readonly server: string; readonly list: ListKind; readonly reason: string } }
  | { readonly type: 'registry.list.restored'; readonly data: { readonly server: string; readonly list: ListKind } }
  | OfferEvent;

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
  // Before the server is said to be reached, so that what was not had is not taken for had (see `evolveServer`).
  for (const list of listKinds) events.push(...listChange(list, command.found[list], state));
  if (state.reachable !== true || state.info !== infoText(command)) {
    const { tools } = command.found;
    events.push({
      type: 'registry.server.reached',
      data: { name, info: command.info, protocol: command.protocol, tools: 'offers' in tools ? tools.offers.length : 0 },
    });
  }
  for (const list of listKinds) {
    const found = command.found[list];
    // What was listed before stays while the list cannot be had.
    if ('offers' in found) events.push(...compare(list, name, state.offers[list], found.offers, command.accept === 'first' && !state.listed.has(list)));
  }
  return events;
}

function listChange(list: ListKind, found: Found, { server: { name: server }, lost }: KnownServer): ServerEvent[] {
  if ('lost' in found) return lost.has(list) ? [] : [{ type: 'registry.list.lost', data: { server, list, reason: found.lost } }];
  return lost.has(list) ? [{ type: 'registry.list.restored', data: { server, list } }] : [];
}

const words: Readonly<Record<ReviewedKind, string>> = { tools: 'tool', prompts: 'prompt' };

function accept({ kind, name, digest, labels, by }: Command & { do: 'accept' }, { server, offers }: KnownServer): ServerEvent[] {
  const known = offers[kind].get(name);
  if (known?.offered === undefined) throw new ServerRefused('not-found', `the server "${server.name}" offers no ${words[kind]} "${name}"`);
  if (known.offered !== digest) throw new ServerRefused('definition-changed', `the definition that is offered has the digest ${known.offered}`);
  if (known.accepted === digest && sameLabels(known.labels, labels)) return [];
  return [acceptance(kind, server.name, name, digest, labels, by)];
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

/** The state after some events. What is offered is copied once and not for each event: a server may have thousands of items. */
export function fold(state: State, events: Iterable<ServerEvent>): State {
  let after = state;
  let own: Partial<Record<ListKind, Map<string, Known>>> = {};
  for (const event of events) {
    const change = offerChange(event);
    if (change === undefined) {
      after = evolveServer(after, event);
      // A server that was removed and added again has nothing of before.
      if (after === undefined || after.offers === nothing) own = {};
    } else if (after !== undefined) {
      const { kind, name, changes } = change;
      let items = own[kind];
      if (items === undefined || after.offers[kind] !== items) {
        items = own[kind] = new Map(after.offers[kind]);
        after = { ...after, offers: { ...after.offers, [kind]: items } };
      }
      items.set(name, { ...(items.get(name) ?? unknown), ...changes });
    }
  }
  return after;
}

const none: ReadonlyMap<string, Known> = new Map();
const nothing: Offers = forEachKind(() => none);
const unknown: Known = { offered: undefined, accepted: undefined, labels: [] };

function evolveServer(state: State, event: ServerEvent): State {
  if (event.type === 'registry.server.registered') return { server: event.data.server, reachable: undefined, info: undefined, listed: new Set(), lost: new Set(), offers: nothing };
  if (!state) return state;
  switch (event.type) {
    case 'registry.server.changed':
      return { ...state, server: event.data.server, reachable: undefined };
    case 'registry.server.removed':
      return undefined;
    case 'registry.server.reached':
      return { ...state, reachable: true, info: infoText(event.data), listed: new Set([...state.listed, ...listKinds.filter((list) => !state.lost.has(list))]) };
    case 'registry.server.lost':
      return { ...state, reachable: false };
    case 'registry.list.lost':
      return { ...state, lost: new Set([...state.lost, event.data.list]) };
    case 'registry.list.restored':
      return { ...state, lost: new Set([...state.lost].filter((list) => list !== event.data.list)), listed: new Set([...state.listed, event.data.list]) };
    default:
      return state;
  }
}
