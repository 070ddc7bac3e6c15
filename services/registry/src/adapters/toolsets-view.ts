import { EntitySchema, type DataSource } from 'typeorm';
import type { Toolset } from '@customhouse/events/registry/events';
import type { ToolsetView } from '@customhouse/http-contract/registry';

/** A row of `toolsets` (see migrations). */
export interface ToolsetRow {
  name: string;
  toolset: Toolset;
  changed: Date;
}

export const toolsetEntity = new EntitySchema<ToolsetRow>({
  name: 'toolset',
  tableName: 'toolsets',
  columns: {
    name: { type: 'text', primary: true },
    toolset: { type: 'json' },
    changed: { type: 'timestamptz' },
  },
});

/** By name, after the one named. Answers one more than `limit` when there are more. */
export function findToolsets(source: DataSource, page: { readonly limit: number; readonly after?: string }): Promise<ToolsetRow[]> {
  const query = source.getRepository(toolsetEntity).createQueryBuilder('toolset');
  if (page.after !== undefined) query.where('toolset.name > :after', { after: page.after });
  return query
    .orderBy('toolset.name')
    .take(page.limit + 1)
    .getMany();
}

export function toToolsetView({ toolset, changed }: ToolsetRow): ToolsetView {
  return { ...toolset, changed: changed.toISOString() };
}
