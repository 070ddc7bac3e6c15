import { EntitySchema, type DataSource } from 'typeorm';
import type { ListKind, PromptDefinition, ResourceDefinition, TemplateDefinition, ToolDefinition, ToolLabel, Transport } from '@customhouse/events/registry/events';
import type { PromptView, ResourceView, ServerView, TemplateView, ToolView } from '@customhouse/http-contract/registry';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { statusOf } from './events.js';

/** A row of `servers` (see migrations), as far as it is read. */
export interface ServerRow {
  name: string;
  generation: number;
  transport: Transport;
  enabled: boolean;
  reachable: boolean | null;
  problem: string | null;
  protocol: string | null;
  discovered: JsonObject | null;
  looked: Date | null;
  /** Why lists could not be had, by list. */
  lost: Partial<Record<ListKind, string>>;
}

/** A row of `offers`: an item of one of a server's lists. */
export interface OfferRow {
  server: string;
  kind: ListKind;
  /** Name of a tool or prompt, URI, template. */
  name: string;
  digest: string;
  definition: JsonObject;
  accepted: string | null;
  labels: ToolLabel[];
  place: number;
  seen: Date;
}

export const serverEntity = new EntitySchema<ServerRow>({
  name: 'server',
  tableName: 'servers',
  columns: {
    name: { type: 'text', primary: true },
    generation: { type: 'integer' },
    transport: { type: 'json' },
    enabled: { type: 'boolean' },
    reachable: { type: 'boolean', nullable: true },
    problem: { type: 'text', nullable: true },
    protocol: { type: 'text', nullable: true },
    discovered: { type: 'json', nullable: true },
    looked: { type: 'timestamptz', nullable: true },
    lost: { type: 'json' },
  },
});

export const offerEntity = new EntitySchema<OfferRow>({
  name: 'offer',
  tableName: 'offers',
  columns: {
    server: { type: 'text', primary: true },
    kind: { type: 'text', primary: true },
    name: { type: 'text', primary: true },
    digest: { type: 'text' },
    definition: { type: 'json' },
    accepted: { type: 'text', nullable: true },
    labels: { type: 'text', array: true },
    place: { type: 'integer' },
    seen: { type: 'timestamptz' },
  },
});

/** By name, after the one named. Answers one more than `limit` when there are more. */
export function findServers(source: DataSource, page: { readonly limit: number; readonly after?: string }): Promise<ServerRow[]> {
  const query = source.getRepository(serverEntity).createQueryBuilder('server');
  if (page.after !== undefined) query.where('server.name > :after', { after: page.after });
  return query
    .orderBy('server.name')
    .take(page.limit + 1)
    .getMany();
}

export interface OfferFilter {
  readonly server?: string;
  readonly status?: 'served' | 'quarantined';
}

/** Items of one kind by server and name, after the one named. Answers one more than `limit` when there are more. */
export function findOffers(
  source: DataSource,
  kind: ListKind,
  filter: OfferFilter,
  page: { readonly limit: number; readonly after?: readonly [string, string] },
): Promise<OfferRow[]> {
  const query = source.getRepository(offerEntity).createQueryBuilder('offer').where('offer.kind = :kind', { kind });
  if (filter.server !== undefined) query.andWhere('offer.server = :server', { server: filter.server });
  if (filter.status !== undefined) query.andWhere(filter.status === 'served' ? 'offer.digest = offer.accepted' : 'offer.digest is distinct from offer.accepted');
  if (page.after !== undefined) query.andWhere('(offer.server, offer.name) > (:afterServer, :afterName)', { afterServer: page.after[0], afterName: page.after[1] });
  return query
    .orderBy('offer.server')
    .addOrderBy('offer.name')
    .take(page.limit + 1)
    .getMany();
}

export interface Count {
  readonly served: number;
  readonly quarantined: number;
  readonly prompts: number;
  readonly quarantined_prompts: number;
  readonly resources: number;
  readonly templates: number;
}

const nothing: Count = { served: 0, quarantined: 0, prompts: 0, quarantined_prompts: 0, resources: 0, templates: 0 };

/** What each of these servers offers: what is served, and what waits. */
export async function countOffers(source: DataSource, servers: readonly string[]): Promise<ReadonlyMap<string, Count>> {
  const rows: (Count & { server: string })[] = await source.query(
    `select server,
       count(*) filter (where kind = 'tools' and digest = accepted)::int as served,
       count(*) filter (where kind = 'tools' and digest is distinct from accepted)::int as quarantined,
       count(*) filter (where kind = 'prompts' and digest = accepted)::int as prompts,
       count(*) filter (where kind = 'prompts' and digest is distinct from accepted)::int as quarantined_prompts,
       count(*) filter (where kind = 'resources')::int as resources,
       count(*) filter (where kind = 'templates')::int as templates
     from offers where server = any($1::text[]) group by server`,
    [servers],
  );
  return new Map(rows.map(({ server, ...count }) => [server, count]));
}

/** The row as the control API answers it. */
export function toServerView(row: ServerRow, count: Count = nothing): ServerView {
  const { discovered, looked, ...rest } = row;
  return { ...rest, info: infoOf(discovered), ...count, looked: looked?.toISOString() ?? null };
}

export function toToolView({ server, name, digest, accepted, labels, definition, seen }: OfferRow): ToolView {
  return { server, tool: name, status: statusOf({ digest, accepted }), digest, accepted, labels, definition: definition as ToolDefinition, seen: seen.toISOString() };
}

export function toPromptView({ server, name, digest, accepted, definition, seen }: OfferRow): PromptView {
  return { server, prompt: name, status: statusOf({ digest, accepted }), digest, accepted, definition: definition as PromptDefinition, seen: seen.toISOString() };
}

export function toResourceView({ server, name, digest, definition, seen }: OfferRow): ResourceView {
  return { server, uri: name, digest, definition: definition as ResourceDefinition, seen: seen.toISOString() };
}

export function toTemplateView({ server, name, digest, definition, seen }: OfferRow): TemplateView {
  return { server, template: name, digest, definition: definition as TemplateDefinition, seen: seen.toISOString() };
}

/** How a server called itself in its answer to `initialize`, or in the `_meta` of its answer to `server/discover`. */
export function infoOf(discovered: JsonObject | null): { name: string; version: string } | null {
  const info = discovered?.['serverInfo'] ?? (discovered?.['_meta'] as JsonObject | undefined)?.['io.modelcontextprotocol/serverInfo'];
  if (typeof info !== 'object' || info === null || Array.isArray(info)) return null;
  return { name: String(info['name'] ?? ''), version: String(info['version'] ?? '') };
}
