import type { ListKind, PromptDefinition, ResourceDefinition, TemplateDefinition, ToolDefinition, ToolLabel } from '@customhouse/events/registry/events';

export const listKinds: readonly ListKind[] = ['tools', 'prompts', 'resources', 'templates'];

/** One value for each kind. */
export function forEachKind<Value>(valueOf: (kind: ListKind) => Value): Record<ListKind, Value> {
  return { tools: valueOf('tools'), prompts: valueOf('prompts'), resources: valueOf('resources'), templates: valueOf('templates') };
}

/** What is held back until somebody accepted its definition, because its texts steer a model. */
export type ReviewedKind = 'tools' | 'prompts';

/** One item of a server's list. */
export interface Offer {
  /** Name of a tool or prompt, URI, template. */
  readonly name: string;
  readonly digest: string;
  readonly definition: Readonly<Record<string, unknown>>;
  /** What a tool's annotations claim; empty for everything else. */
  readonly labels: readonly ToolLabel[];
}

/** An item as its server offers it, and what was accepted of it. */
export interface Known {
  /** Digest of what is offered; undefined while it is not offered. */
  readonly offered: string | undefined;
  /** Never set for what is not reviewed. */
  readonly accepted: string | undefined;
  readonly labels: readonly ToolLabel[];
}

type Said<Member extends string> = { readonly server: string; readonly digest: string } & Readonly<Record<Member, string>>;
type Gone<Member extends string> = { readonly server: string } & Readonly<Record<Member, string>>;

type ReviewedEvent<Entity extends 'tool' | 'prompt', Definition, Review> =
  | { readonly type: `registry.${Entity}.discovered`; readonly data: Said<Entity> & { readonly definition: Definition } }
  | { readonly type: `registry.${Entity}.drifted`; readonly data: Said<Entity> & { readonly accepted: string; readonly definition: Definition } }
  | { readonly type: `registry.${Entity}.accepted`; readonly data: Said<Entity> & { readonly by: string } & Review }
  | { readonly type: `registry.${Entity}.restored`; readonly data: Said<Entity> }
  | { readonly type: `registry.${Entity}.vanished`; readonly data: Gone<Entity> };

type ListedEvent<Entity extends 'resource' | 'template', Member extends string, Definition> =
  | { readonly type: `registry.${Entity}.listed`; readonly data: Said<Member> & { readonly definition: Definition } }
  | { readonly type: `registry.${Entity}.vanished`; readonly data: Gone<Member> };

export type OfferEvent =
  | ReviewedEvent<'tool', ToolDefinition, { readonly labels: readonly ToolLabel[] }>
  | ReviewedEvent<'prompt', PromptDefinition, unknown>
  | ListedEvent<'resource', 'uri', ResourceDefinition>
  | ListedEvent<'template', 'template', TemplateDefinition>;

interface Words {
  readonly entity: string;
  /** The member of its events that names it. */
  readonly member: string;
  readonly reviewed: boolean;
}

const words: Readonly<Record<ListKind, Words>> = {
  tools: { entity: 'tool', member: 'tool', reviewed: true },
  prompts: { entity: 'prompt', member: 'prompt', reviewed: true },
  resources: { entity: 'resource', member: 'uri', reviewed: false },
  templates: { entity: 'template', member: 'template', reviewed: false },
};

const kindOfEntity = new Map(listKinds.map((kind) => [words[kind].entity, kind]));

/** What a new list of one kind means, after what was known. `acceptNow`: what is new is accepted with its server. */
export function compare(kind: ListKind, server: string, known: ReadonlyMap<string, Known>, offers: readonly Offer[], acceptNow: boolean): OfferEvent[] {
  const events = offers.flatMap((offer) => offered(kind, server, offer, known.get(offer.name), acceptNow));
  const present = new Set(offers.map((offer) => offer.name));
  for (const [name, { offered: digest }] of known) if (digest !== undefined && !present.has(name)) events.push(event(kind, 'vanished', { server, [words[kind].member]: name }));
  return events;
}

function offered(kind: ListKind, server: string, { name, digest, definition, labels }: Offer, known: Known | undefined, acceptNow: boolean): OfferEvent[] {
  if (known?.offered === digest) return [];
  const said = { server, [words[kind].member]: name, digest };
  if (!words[kind].reviewed) return [event(kind, 'listed', { ...said, definition })];
  if (known?.accepted === digest) return [event(kind, 'restored', said)];
  if (known?.accepted !== undefined) return [event(kind, 'drifted', { ...said, accepted: known.accepted, definition })];
  const discovered = event(kind, 'discovered', { ...said, definition });
  return acceptNow ? [discovered, acceptance(kind as ReviewedKind, server, name, digest, labels, 'first-discovery')] : [discovered];
}

export function acceptance(kind: ReviewedKind, server: string, name: string, digest: string, labels: readonly ToolLabel[], by: string): OfferEvent {
  return event(kind, 'accepted', { server, [words[kind].member]: name, digest, by, ...(kind === 'tools' && { labels: [...labels] }) });
}

/** The members are those that the type asks for: each kind has one name for its items and a schema of its own, which the writer checks. */
function event(kind: ListKind, what: string, data: Readonly<Record<string, unknown>>): OfferEvent {
  return { type: `registry.${words[kind].entity}.${what}`, data } as unknown as OfferEvent;
}

/** Whom an event is about, and what it changes. Undefined for an event that is about no item. */
export function offerChange(event: {
  readonly type: string;
  readonly data: object;
}): { readonly kind: ListKind; readonly name: string; readonly changes: Partial<Known> } | undefined {
  const [, entity = '', what = ''] = event.type.split('.');
  const kind = kindOfEntity.get(entity);
  if (kind === undefined) return undefined;
  const data = event.data as Readonly<Record<string, unknown>>;
  const name = data[words[kind].member] as string;
  const digest = data['digest'] as string;
  if (what === 'vanished') return { kind, name, changes: { offered: undefined } };
  if (what === 'accepted') return { kind, name, changes: { accepted: digest, labels: (data['labels'] as ToolLabel[] | undefined) ?? [] } };
  return { kind, name, changes: { offered: digest } };
}
