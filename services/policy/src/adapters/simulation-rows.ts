import type { PolicyBlastRadius, PolicySimulation } from '@customhouse/http-contract/policy-trials';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';

/** A simulation that is to begin. */
export type NewSimulation = Pick<PolicySimulation, 'id' | 'version' | 'against' | 'since' | 'until' | 'started_by'>;

interface SimulationRow extends Omit<PolicySimulation, 'since' | 'until' | 'started' | 'finished' | 'report'> {
  readonly since: Date | null;
  readonly until: Date | null;
  readonly started: Date;
  readonly finished: Date | null;
  /** JSON. */
  readonly report: string | null;
}

export async function insertSimulation(tx: Tx, { id, version, against, since, until, started_by }: NewSimulation): Promise<void> {
  await tx.query(`insert into simulations (id, version, against, since, until, state, started_by) values ($1, $2, $3, $4, $5, 'running', $6)`, [
    id,
    version,
    against,
    since,
    until,
    started_by,
  ]);
}

/** All but the newest are forgotten. */
export async function keepNewest(tx: Tx, kept: number): Promise<void> {
  await tx.query(`delete from simulations where state <> 'running' and id not in (select id from simulations order by id desc limit $1)`, [kept]);
}

/** False: it was cancelled, or is over. */
export async function noteProgress(tx: Tx, id: string, { done, total }: { readonly done: number; readonly total: number }): Promise<boolean> {
  const rows = await rowsOf(tx, `update simulations set done = $2, total = $3 where id = $1 and state = 'running' returning id`, [id, done, total]);
  return rows.length > 0;
}

/** False: it was over already. */
export async function endSimulation(
  tx: Tx,
  id: string,
  end: { readonly state: 'finished'; readonly report: PolicyBlastRadius } | { readonly state: 'failed'; readonly problem: string } | { readonly state: 'cancelled' },
): Promise<boolean> {
  const report = end.state === 'finished' ? JSON.stringify(end.report) : null;
  const sql = `
    update simulations set state = $2, finished = clock_timestamp(), report = $3, problem = $4, done = case when $2 = 'finished' then total else done end
    where id = $1 and state = 'running' returning id`;
  return (await rowsOf(tx, sql, [id, end.state, report, end.state === 'failed' ? end.problem : null])).length > 0;
}

/** Those that say that they run, of processes that ended in the middle. The caller holds the lock without which none runs. */
export async function endInterrupted(tx: Tx): Promise<void> {
  await tx.query(`update simulations set state = 'failed', finished = clock_timestamp(), problem = 'the process that ran it ended' where state = 'running'`);
}

export async function findSimulation(tx: Tx, id: string): Promise<PolicySimulation | undefined> {
  const [row] = await rowsOf<SimulationRow>(tx, 'select * from simulations where id = $1', [id]);
  return row && toSimulation(row);
}

/** Newest first, of those before `before`; one more than `limit` when there are more. */
export async function findSimulations(tx: Tx, { limit, before }: { readonly limit: number; readonly before?: string }): Promise<readonly PolicySimulation[]> {
  const rows = await rowsOf<SimulationRow>(tx, 'select * from simulations where $1::text is null or id < $1 order by id desc limit $2', [before ?? null, limit + 1]);
  return rows.map(toSimulation);
}

function toSimulation({ since, until, started, finished, report, ...row }: SimulationRow): PolicySimulation {
  return {
    ...row,
    since: since?.toISOString() ?? null,
    until: until?.toISOString() ?? null,
    started: started.toISOString(),
    finished: finished?.toISOString() ?? null,
    report: report === null ? null : (JSON.parse(report) as PolicyBlastRadius),
  };
}
