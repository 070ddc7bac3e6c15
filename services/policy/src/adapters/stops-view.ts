import { EntitySchema, type DataSource } from 'typeorm';
import type { PolicyStop } from '@customhouse/http-contract/policy';
import type { StopKind, StopTarget } from '@customhouse/policy-contract/stops';

/** A row of `stops` (see migrations). */
export interface StopRow {
  /** A bigint, which arrives as text. */
  number: string;
  kind: StopKind;
  name: string;
  reason: string;
  ordered_by: string;
  since: Date;
}

export const stopEntity = new EntitySchema<StopRow>({
  name: 'stop',
  tableName: 'stops',
  columns: {
    number: { type: 'bigint', primary: true },
    kind: { type: 'text' },
    name: { type: 'text' },
    reason: { type: 'text' },
    ordered_by: { type: 'text' },
    since: { type: 'timestamptz' },
  },
});

/** Newest first, of those before `before`. Answers one more than `limit` when there are more. */
export function findStops(source: DataSource, page: { readonly limit: number; readonly before?: string }): Promise<StopRow[]> {
  const query = source.getRepository(stopEntity).createQueryBuilder('stop');
  if (page.before !== undefined) query.where('stop.number < :before', { before: page.before });
  return query
    .orderBy('stop.number', 'DESC')
    .take(page.limit + 1)
    .getMany();
}

export function findStop(source: DataSource, { kind, name }: StopTarget): Promise<StopRow | null> {
  return source.getRepository(stopEntity).findOneBy({ kind, name });
}

export function countStops(source: DataSource): Promise<number> {
  return source.getRepository(stopEntity).count();
}

export function toStopView({ kind, name, reason, ordered_by: by, since }: StopRow): PolicyStop {
  return { kind, name, reason, by, since: since.toISOString() };
}
