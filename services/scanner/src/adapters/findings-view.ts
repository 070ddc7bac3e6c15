import { EntitySchema, type DataSource } from 'typeorm';
import type { ScannerFinding } from '@customhouse/http-contract/scanner';

/** A row of `findings` (see migrations). */
export type FindingRow = Omit<ScannerFinding, 'raised'> & { raised: Date };

export const findingEntity = new EntitySchema<FindingRow>({
  name: 'finding',
  tableName: 'findings',
  columns: {
    finding: { type: 'text', primary: true },
    kind: { type: 'text' },
    item: { type: 'text', nullable: true },
    server: { type: 'text', nullable: true },
    tool: { type: 'text', nullable: true },
    definition: { type: 'text', nullable: true },
    call: { type: 'text', nullable: true },
    rule: { type: 'text' },
    severity: { type: 'text' },
    location: { type: 'text' },
    message: { type: 'text' },
    pack: { type: 'text' },
    raised: { type: 'timestamptz' },
  },
});

/** What must match exactly. */
export type FindingFilter = Partial<Pick<ScannerFinding, 'kind' | 'server' | 'tool' | 'call' | 'rule' | 'severity'>>;

/** Newest first, of those older than `before`. Answers one more than `limit` when there are more. */
export function findFindings(source: DataSource, filter: FindingFilter, page: { readonly limit: number; readonly before?: string }): Promise<FindingRow[]> {
  const query = source.getRepository(findingEntity).createQueryBuilder('finding');
  for (const [column, value] of Object.entries(filter)) {
    if (value !== undefined) query.andWhere(`finding.${column} = :${column}`, { [column]: value });
  }
  if (page.before !== undefined) query.andWhere('finding.finding < :before', { before: page.before });
  return query
    .orderBy('finding.finding', 'DESC')
    .take(page.limit + 1)
    .getMany();
}
