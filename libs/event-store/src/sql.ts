import type { EntityManager } from 'typeorm';

/** A transaction, or a plain connection for reading. */
export type Tx = Pick<EntityManager, 'query'>;

/** Rows of a statement of any kind: TypeORM answers an UPDATE or DELETE with `[rows, count]` and everything else with rows. */
export async function rowsOf<Row = Record<string, unknown>>(tx: Tx, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
  const answer: unknown = await tx.query(sql, [...parameters]);
  if (!Array.isArray(answer)) return [];
  if (answer.length === 2 && Array.isArray(answer[0]) && (typeof answer[1] === 'number' || answer[1] === null)) return answer[0] as Row[];
  return answer as Row[];
}

/** The one row of a statement that answers exactly one. Throws otherwise. */
export async function oneRow<Row = Record<string, unknown>>(tx: Tx, sql: string, parameters: readonly unknown[] = []): Promise<Row> {
  const rows = await rowsOf<Row>(tx, sql, parameters);
  if (rows.length !== 1) throw new Error(`expected one row and got ${rows.length}`);
  return rows[0]!;
}
