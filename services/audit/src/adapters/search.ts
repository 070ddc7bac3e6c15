import type { CallSummary } from '@customhouse/http-contract/audit';
import type { auditRoutes } from '@customhouse/http-contract/audit';
import type { QueryOf } from '@customhouse/http-contract/route';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import type { FiredRule } from '@customhouse/policy-contract/decision';
import { lowestId } from '../domain/partitions.js';
import { prefixQuery } from '../domain/words.js';
import { columns, type CallRow, type CallTable } from './call-rows.js';

export type CallFilter = QueryOf<typeof auditRoutes.exportCalls> & { readonly tenant: string };

/** A part of a statement and its parameters, numbered when it is put together. */
class Conditions {
  readonly parameters: unknown[] = [];
  private readonly parts: string[] = [];

  add(sql: (place: string) => string, value: unknown): void {
    this.parameters.push(value);
    this.parts.push(sql(`$${this.parameters.length}`));
  }

  get sql(): string {
    return this.parts.length === 0 ? 'true' : this.parts.join(' and ');
  }
}

/** One page of calls, the newest first. `before` is the last call of the page before. */
export async function searchCalls(tx: Tx, filter: CallFilter, page: { readonly limit: number; readonly before?: string }): Promise<CallRow[]> {
  const conditions = conditionsOf(filter);
  if (!conditions) return [];
  if (page.before !== undefined) conditions.add((place) => `call < ${place}`, page.before);
  return rowsOf<CallRow>(tx, `select ${columns.join(', ')} from calls where ${conditions.sql} order by call desc limit ${page.limit}`, conditions.parameters);
}

/** The calls of an export, oldest first, page by page: no transaction stays open while a slow client reads. */
export async function* exportedCalls(tx: Tx, filter: CallFilter, limit: number): AsyncGenerator<CallRow> {
  for (let after = ''; ;) {
    const conditions = conditionsOf(filter);
    if (!conditions) return;
    conditions.add((place) => `call > ${place}`, after);
    const rows = await rowsOf<CallRow>(tx, `select ${columns.join(', ')} from calls where ${conditions.sql} order by call limit ${limit}`, conditions.parameters);
    yield* rows;
    if (rows.length < limit) return;
    after = rows.at(-1)!.call;
  }
}

export async function findCall(tx: Tx, call: string, tenant: string): Promise<CallRow | undefined> {
  const [row] = await rowsOf<CallRow>(tx, `select ${columns.join(', ')} from calls where call = $1 and tenant = $2`, [call, tenant]);
  return row;
}

/** Undefined when nothing can match. A call's id tells its time, so a range of time is a range of ids, and of tables. */
function conditionsOf(filter: CallFilter): Conditions | undefined {
  const conditions = new Conditions();
  conditions.add((place) => `tenant = ${place}`, filter.tenant);
  for (const name of ['agent', 'person', 'method', 'during', 'server', 'session', 'effect', 'status'] as const) {
    if (filter[name] !== undefined) conditions.add((place) => `${name} = ${place}`, filter[name]);
  }
  if (filter.tool !== undefined) conditions.add((place) => `(tool = ${place} or exposed = ${place})`, filter.tool);
  if (filter.rule !== undefined) conditions.add((place) => `rule_ids @> array[${place}]::text[]`, filter.rule);
  if (filter.from !== undefined) conditions.add((place) => `call >= ${place}`, lowestId(Date.parse(filter.from)));
  if (filter.to !== undefined) conditions.add((place) => `call < ${place}`, lowestId(Date.parse(filter.to)));
  if (filter.text !== undefined) {
    const query = prefixQuery(filter.text);
    if (query === undefined) return undefined;
    conditions.add((place) => `words @@ ${place}::tsquery`, query);
  }
  return conditions;
}

/** Every row of a table, oldest first, in pages. For hashing. */
export async function* allCalls(tx: Tx, table: CallTable, limit: number): AsyncGenerator<CallRow> {
  for (let after = ''; ;) {
    const rows = await rowsOf<CallRow>(tx, `select ${columns.join(', ')} from ${table} where call > $1 order by call limit ${limit}`, [after]);
    yield* rows;
    if (rows.length < limit) return;
    after = rows.at(-1)!.call;
  }
}

export function toSummary(row: CallRow): CallSummary {
  return {
    call: row.call,
    status: row.status,
    time: row.intent_time,
    ended: row.end_time,
    session: row.session,
    tenant: row.tenant,
    agent: row.agent,
    person: row.person,
    client: row.client_name === null ? null : { name: row.client_name, version: row.client_version ?? '' },
    address: row.address,
    method: row.method,
    during: row.during,
    server: row.server,
    tool: row.tool,
    exposed: row.exposed,
    definition: row.definition,
    effect: row.effect,
    rules: JSON.parse(row.rules) as FiredRule[],
    policy: row.policy_number === null ? null : { number: row.policy_number, digest: row.policy_digest ?? '' },
    findings: [...row.findings],
    approval: row.approval,
    error: row.error,
    reason: row.reason,
    upstream_ms: row.upstream_ms,
    arguments_bytes: row.arguments_bytes,
    result_bytes: row.result_bytes,
    anomalies: [...new Set(row.anomaly_kinds)],
  };
}
