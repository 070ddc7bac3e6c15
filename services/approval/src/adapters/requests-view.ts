import { EntitySchema } from 'typeorm';
import type { Approval, ApprovalStatus } from '@customhouse/http-contract/approval';
import type { DataSource } from 'typeorm';

/** A row of `requests` (see migrations), as far as it is read. */
export interface RequestRow {
  approval: string;
  call: string;
  tenant: string;
  agent: string;
  person: string;
  owner: string | null;
  /** Those between the agent and the person. */
  actors: string[];
  method: string;
  server: string;
  tool: string;
  rules: string[];
  reason: string;
  binding: string;
  quorum: number;
  terms: Approval['terms'];
  missing: Approval['missing'];
  opened: Date;
  expires: Date;
  reminded: number;
  escalated: Date | null;
  glass: Approval['break_glass'];
  held: string;
  status: ApprovalStatus;
  approvers: string[];
  decided: Date | null;
  decided_by: string[];
  decision: string | null;
  dispatcher: { instance: string; epoch: string; attempt: number } | null;
  terminal: string | null;
}

export const requestEntity = new EntitySchema<RequestRow>({
  name: 'request',
  tableName: 'requests',
  columns: {
    approval: { type: 'text', primary: true },
    call: { type: 'text' },
    tenant: { type: 'text' },
    agent: { type: 'text' },
    person: { type: 'text' },
    owner: { type: 'text', nullable: true },
    actors: { type: 'text', array: true },
    method: { type: 'text' },
    server: { type: 'text' },
    tool: { type: 'text' },
    rules: { type: 'text', array: true },
    reason: { type: 'text' },
    binding: { type: 'text' },
    quorum: { type: 'integer' },
    terms: { type: 'jsonb' },
    missing: { type: 'jsonb' },
    opened: { type: 'timestamptz' },
    expires: { type: 'timestamptz' },
    reminded: { type: 'integer' },
    escalated: { type: 'timestamptz', nullable: true },
    glass: { type: 'jsonb', nullable: true },
    // Only read when one request is shown: it has the sealed arguments in it.
    held: { type: 'text', select: false },
    status: { type: 'text' },
    approvers: { type: 'text', array: true },
    decided: { type: 'timestamptz', nullable: true },
    decided_by: { type: 'text', array: true },
    decision: { type: 'text', nullable: true },
    dispatcher: { type: 'jsonb', nullable: true },
    terminal: { type: 'text', nullable: true },
  },
});

/** What must match exactly. */
export interface RequestFilter {
  readonly tenant: string;
  readonly status?: string;
  readonly agent?: string;
  readonly person?: string;
  readonly method?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly review?: 'due';
}

/** Newest first, of those older than `before`. Answers one more than `limit` when there are more. */
export async function findRequests(source: DataSource, filter: RequestFilter, page: { readonly limit: number; readonly before?: string }): Promise<readonly RequestRow[]> {
  const query = source.getRepository(requestEntity).createQueryBuilder('request');
  const { review, ...exact } = filter;
  if (review === 'due') query.andWhere(`request.glass is not null and request.glass->'review' = 'null'::jsonb`);
  for (const [column, value] of Object.entries(exact)) {
    if (value !== undefined) query.andWhere(`request.${column} = :${column}`, { [column]: value });
  }
  if (page.before !== undefined) query.andWhere('request.approval < :before', { before: page.before });
  return query
    .orderBy('request.approval', 'DESC')
    .take(page.limit + 1)
    .getMany();
}

/** One request with the data of its held event. Null when the tenant has none of this id. */
export async function findRequest(source: DataSource, tenant: string, approval: string): Promise<RequestRow | null> {
  return source.getRepository(requestEntity).createQueryBuilder('request').addSelect('request.held').where({ tenant, approval }).getOne();
}

/** One request, whoever's it is. */
export async function findRequestById(source: DataSource, approval: string): Promise<RequestRow | null> {
  return source.getRepository(requestEntity).createQueryBuilder('request').where({ approval }).getOne();
}

/** The row as the control API answers it. */
export function toApproval(row: RequestRow): Approval {
  const { tenant: _tenant, held: _held, actors: _actors, opened, expires, decided, escalated, glass, dispatcher, ...rest } = row;
  return {
    ...rest,
    opened: opened.toISOString(),
    expires: expires.toISOString(),
    decided: decided?.toISOString() ?? null,
    escalated: escalated?.toISOString() ?? null,
    break_glass: glass,
    dispatcher: dispatcher && { instance: dispatcher.instance, epoch: dispatcher.epoch, attempt: dispatcher.attempt },
  };
}
