import { EntitySchema, type DataSource } from 'typeorm';
import type { ApiKey } from '@customhouse/events/registry/events';
import type { KeyView } from '@customhouse/http-contract/registry';

/** A row of `keys` (see migrations). */
export interface KeyRow extends Omit<ApiKey, 'created' | 'expires' | 'owner'> {
  owner: string | null;
  created: Date;
  expires: Date | null;
}

export const keyEntity = new EntitySchema<KeyRow>({
  name: 'key',
  tableName: 'keys',
  columns: {
    id: { type: 'text', primary: true },
    hash: { type: 'text' },
    tenant: { type: 'text' },
    agent: { type: 'text' },
    owner: { type: 'text', nullable: true },
    person: { type: 'text' },
    groups: { type: 'text', array: true },
    attributes: { type: 'jsonb' },
    roles: { type: 'text', array: true },
    created: { type: 'timestamptz' },
    expires: { type: 'timestamptz', nullable: true },
    revoked: { type: 'boolean' },
  },
});

export function toApiKey(row: KeyRow): ApiKey {
  const { created, expires, owner, ...rest } = row;
  return { ...rest, ...(owner !== null && { owner }), created: created.toISOString(), expires: expires?.toISOString() ?? null };
}

export function toKeyView(key: ApiKey): KeyView {
  const { hash: _hash, ...view } = key;
  return view;
}

/** Newest first, after the key named. Answers one more than `limit` when there are more. */
export async function findKeys(source: DataSource, tenant: string, page: { readonly limit: number; readonly after?: readonly [string, string] }): Promise<KeyView[]> {
  const query = source.getRepository(keyEntity).createQueryBuilder('key').where('key.tenant = :tenant', { tenant });
  if (page.after !== undefined) query.andWhere('(key.created, key.id) < (:afterCreated::timestamptz, :afterId)', { afterCreated: page.after[0], afterId: page.after[1] });
  const rows = await query
    .orderBy('key.created', 'DESC')
    .addOrderBy('key.id', 'DESC')
    .take(page.limit + 1)
    .getMany();
  return rows.map((row) => toKeyView(toApiKey(row)));
}
