import { EntitySchema, type DataSource } from 'typeorm';
import type { ToolDefinition, ToolLabel, Transport } from '@customhouse/events/registry/events';
import type { ServerView, ToolView } from '@customhouse/http-contract/registry';
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
}

/** A row of `tools`. */
export interface ToolRow {
  server: string;
  tool: string;
  digest: string;
  definition: ToolDefinition;
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
  },
});

export const toolEntity = new EntitySchema<ToolRow>({
  name: 'tool',
  tableName: 'tools',
  columns: {
    server: { type: 'text', primary: true },
    tool: { type: 'text', primary: true },
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

export interface ToolFilter {
  readonly server?: string;
  readonly status?: 'served' | 'quarantined';
}

/** By server and name, after the tool named. Answers one more than `limit` when there are more. */
export function findTools(source: DataSource, filter: ToolFilter, page: { readonly limit: number; readonly after?: readonly [string, string] }): Promise<ToolRow[]> {
  const query = source.getRepository(toolEntity).createQueryBuilder('tool');
  if (filter.server !== undefined) query.andWhere('tool.server = :server', { server: filter.server });
  if (filter.status !== undefined) query.andWhere(filter.status === 'served' ? 'tool.digest = tool.accepted' : 'tool.digest is distinct from tool.accepted');
  if (page.after !== undefined) query.andWhere('(tool.server, tool.tool) > (:afterServer, :afterTool)', { afterServer: page.after[0], afterTool: page.after[1] });
  return query
    .orderBy('tool.server')
    .addOrderBy('tool.tool')
    .take(page.limit + 1)
    .getMany();
}

/** How many tools of each of these servers are served and wait. */
export async function countTools(source: DataSource, servers: readonly string[]): Promise<ReadonlyMap<string, { readonly served: number; readonly quarantined: number }>> {
  const rows: { server: string; served: number; quarantined: number }[] = await source.query(
    `select server, count(*) filter (where digest = accepted)::int as served, count(*) filter (where digest is distinct from accepted)::int as quarantined
     from tools where server = any($1::text[]) group by server`,
    [servers],
  );
  return new Map(rows.map((row) => [row.server, row]));
}

/** The row as the control API answers it. */
export function toServerView(row: ServerRow, count: { readonly served: number; readonly quarantined: number } | undefined): ServerView {
  const { discovered, looked, ...rest } = row;
  return { ...rest, info: infoOf(discovered), served: count?.served ?? 0, quarantined: count?.quarantined ?? 0, looked: looked?.toISOString() ?? null };
}

export function toToolView(row: ToolRow): ToolView {
  const { place: _place, seen, ...rest } = row;
  return { ...rest, status: statusOf(row), seen: seen.toISOString() };
}

/** How a server called itself in its answer to `initialize`, or in the `_meta` of its answer to `server/discover`. */
export function infoOf(discovered: JsonObject | null): { name: string; version: string } | null {
  const info = discovered?.['serverInfo'] ?? (discovered?.['_meta'] as JsonObject | undefined)?.['io.modelcontextprotocol/serverInfo'];
  if (typeof info !== 'object' || info === null || Array.isArray(info)) return null;
  return { name: String(info['name'] ?? ''), version: String(info['version'] ?? '') };
}
