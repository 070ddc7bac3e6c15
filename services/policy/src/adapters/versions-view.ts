import { EntitySchema, type DataSource } from 'typeorm';
import type { PolicyVersionDetail, PolicyVersionSummary } from '@customhouse/http-contract/policy';
import type { PolicySignature, RegoFiles, WrittenCases } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { stageOf } from '../domain/stage.js';
import type { Origin } from './events.js';

/** A row of `versions` (see migrations). */
export interface VersionRow {
  number: number;
  digest: string;
  module: string;
  rules: string;
  rules_count: number;
  modules: string;
  modules_count: number;
  cases: string;
  cases_count: number;
  signature: string | null;
  origin: string | null;
  note: string;
  drafted: Date;
  drafted_by: string;
  active: boolean;
  activated: Date | null;
  activated_by: string | null;
  tested: Date | null;
  simulated: Date | null;
  shadowed: Date | null;
}

export const versionEntity = new EntitySchema<VersionRow>({
  name: 'version',
  tableName: 'versions',
  columns: {
    number: { type: 'integer', primary: true },
    digest: { type: 'text' },
    module: { type: 'text' },
    // Only read when one version is shown: they may be long.
    rules: { type: 'text', select: false },
    rules_count: { type: 'integer' },
    modules: { type: 'text', select: false },
    modules_count: { type: 'integer' },
    cases: { type: 'text', select: false },
    cases_count: { type: 'integer' },
    signature: { type: 'text', nullable: true },
    origin: { type: 'text', nullable: true },
    note: { type: 'text' },
    drafted: { type: 'timestamptz' },
    drafted_by: { type: 'text' },
    active: { type: 'boolean' },
    activated: { type: 'timestamptz', nullable: true },
    activated_by: { type: 'text', nullable: true },
    tested: { type: 'timestamptz', nullable: true },
    simulated: { type: 'timestamptz', nullable: true },
    shadowed: { type: 'timestamptz', nullable: true },
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
  return source.getRepository(versionEntity).createQueryBuilder('version').addSelect(['version.rules', 'version.modules', 'version.cases']).where(which).getOne();
}

export function toSummary(row: VersionRow): PolicyVersionSummary {
  const { rules: _rules, modules: _modules, cases: _cases, origin: _origin, signature, drafted, activated, tested, simulated, shadowed, ...rest } = row;
  return {
    ...rest,
    stage: stageOf(row),
    drafted: drafted.toISOString(),
    activated: activated?.toISOString() ?? null,
    tested: tested?.toISOString() ?? null,
    simulated: simulated?.toISOString() ?? null,
    shadowed: shadowed?.toISOString() ?? null,
    signed_by: read<PolicySignature>(signature)?.key ?? null,
  };
}

/** With what it is made of, which was checked when it was stored. */
export function toDetail(row: VersionRow): PolicyVersionDetail {
  return {
    ...toSummary(row),
    rules: JSON.parse(row.rules) as RuleSet,
    modules: JSON.parse(row.modules) as RegoFiles,
    cases: JSON.parse(row.cases) as WrittenCases,
    signature: read<PolicySignature>(row.signature),
    origin: read<Origin>(row.origin),
  };
}

function read<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
