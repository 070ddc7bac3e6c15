import { EntitySchema, type DataSource } from 'typeorm';
import type { PolicyVersionDetail, PolicyVersionSummary } from '@customhouse/http-contract/policy';
import type { RuleSet } from '@customhouse/policy-contract/rules';

/** A row of `versions` (see migrations). */
export interface VersionRow {
  number: number;
  digest: string;
  module: string;
  rules: string;
  rules_count: number;
  note: string;
  drafted: Date;
  drafted_by: string;
  active: boolean;
  activated: Date | null;
  activated_by: string | null;
}

export const versionEntity = new EntitySchema<VersionRow>({
  name: 'version',
  tableName: 'versions',
  columns: {
    number: { type: 'integer', primary: true },
    digest: { type: 'text' },
    module: { type: 'text' },
    // Only read when one version is shown: rules may be long.
    rules: { type: 'text', select: false },
    rules_count: { type: 'integer' },
    note: { type: 'text' },
    drafted: { type: 'timestamptz' },
    drafted_by: { type: 'text' },
    active: { type: 'boolean' },
    activated: { type: 'timestamptz', nullable: true },
    activated_by: { type: 'text', nullable: true },
  },
});

/** Newest first, of those before `before`. Answers one more than `limit` when there are more. */
export async function findVersions(source: DataSource, page: { readonly limit: number; readonly before?: number }): Promise<readonly VersionRow[]> {
  const query = source.getRepository(versionEntity).createQueryBuilder('version');
  if (page.before !== undefined) query.where('version.number < :before', { before: page.before });
  return query
    .orderBy('version.number', 'DESC')
    .take(page.limit + 1)
    .getMany();
}

/** One version with its rules: by number, or the active one. */
export async function findVersion(source: DataSource, which: { readonly number: number } | { readonly active: true }): Promise<VersionRow | null> {
  return source.getRepository(versionEntity).createQueryBuilder('version').addSelect('version.rules').where(which).getOne();
}

export function toSummary(row: VersionRow): PolicyVersionSummary {
  const { rules: _rules, drafted, activated, ...rest } = row;
  return { ...rest, drafted: drafted.toISOString(), activated: activated?.toISOString() ?? null };
}

/** With its rules, which were checked when they were stored. */
export function toDetail(row: VersionRow): PolicyVersionDetail {
  return { ...toSummary(row), rules: JSON.parse(row.rules) as RuleSet };
}
