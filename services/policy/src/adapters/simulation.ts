import { setImmediate as breathe } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { PolicyBlastRadius, PolicyChange } from '@customhouse/http-contract/policy-trials';
import { oneRow, rowsOf } from '@customhouse/event-store/sql';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Sealer } from '@customhouse/sealing/sealer';
import { BlastRadius, type Compared, type ReportBounds } from '../domain/blast-radius.js';
import { openArguments, type Again, type Opened, type Past } from './again.js';
import { Trial } from './trial.js';
import { PartReader, readArguments, readCalls, type CallRange, type KeptCall } from './history-rows.js';

const page = 1_000;
/** In a process that serves others as well, they wait no longer than this for the processor. */
const slice_ms = 5;

export interface SimulationParts {
  readonly dataSource: DataSource;
  readonly sealer: Sealer;
  readonly candidate: Policy;
  /** Undefined: what was recorded. */
  readonly baseline: Policy | undefined;
  readonly bounds: ReportBounds;
  /** Told after each page; answering false ends the simulation. */
  readonly progress: (done: number, total: number) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** Which calls: the newest `calls` of those between two times (Unix milliseconds; null is open). */
export interface Scope {
  readonly since: number | null;
  readonly until: number | null;
  readonly calls: number;
}

/** Decides recorded calls again and compares. Undefined: it was ended before it was through. Rejects when the database or the signal breaks it off. */
export async function simulate(scope: Scope, parts: SimulationParts): Promise<PolicyBlastRadius | undefined> {
  const { manager } = parts.dataSource;
  const { total, ...range } = await rangeOf(scope, parts.dataSource);
  const radius = new BlastRadius(parts.bounds);
  const trials = { candidate: new Trial(parts.candidate), baseline: parts.baseline && new Trial(parts.baseline) };
  const reader = new PartReader();
  let done = 0;
  if (!(await parts.progress(done, total))) return undefined;
  for (let after: string | null = range.after; after !== null;) {
    const read = await readCalls(manager, { ...range, after }, reader, page);
    await comparePage(read.calls, radius, trials, parts);
    done += read.calls.length;
    after = read.next;
    if (!(await parts.progress(done, total))) return undefined;
  }
  return radius.report();
}

interface Trials {
  readonly candidate: Trial;
  /** Undefined: what was recorded. */
  readonly baseline: Trial | undefined;
}

async function comparePage(calls: readonly KeptCall[], radius: BlastRadius, trials: Trials, { dataSource, sealer, signal }: SimulationParts): Promise<void> {
  const looked = calls.filter((call) => trials.candidate.looksAtArguments(call) || trials.baseline?.looksAtArguments(call) === true);
  const sealed = await readArguments(
    dataSource.manager,
    looked.map((call) => call.number),
  );
  const opens = new Set(looked);
  let begun = performance.now();
  for (const call of calls) {
    if (performance.now() - begun > slice_ms) {
      await breathe(undefined, { signal });
      begun = performance.now();
    }
    compare(call, opens.has(call) ? await openArguments(sealed.get(call.number), sealer) : undefined, trials, radius);
  }
}

/** What came out for one call. */
export type Result = PolicyChange | 'unchanged' | 'undecided';

/** Decides one call again, and counts what is different. `opened`: its arguments, where a version looks at them. */
export function compare(call: Past, opened: Opened | undefined, { candidate, baseline }: Trials, radius: BlastRadius): Result {
  const before: Again = baseline ? baseline.decide(call, opened) : { outcome: 'decided', decision: call.decision, input: null };
  const after = candidate.decide(call, opened);
  if (before.outcome !== 'decided' || after.outcome !== 'decided') {
    radius.leaveOut(before.outcome === 'erased' || after.outcome === 'erased' ? 'erased' : 'unreadable');
    return 'undecided';
  }
  const { principal } = call.caller as { principal: { agent: string; person: string } };
  const { method, server, tool } = call.target as { method: string; server: string; tool: string };
  const compared: Compared = {
    call: call.call,
    time: call.time,
    agent: principal.agent,
    person: principal.person,
    method,
    server,
    tool,
    before: before.decision,
    after: after.decision,
  };
  return radius.add(compared) ?? 'unchanged';
}

async function rangeOf({ since, until, calls }: Scope, { manager }: DataSource): Promise<CallRange & { readonly total: number }> {
  const { last } = await oneRow<{ last: string | null }>(manager, 'select max(number) as last from history');
  const upTo = last ?? '0';
  const fits = 'number <= $1 and ($2::bigint is null or time >= $2) and ($3::bigint is null or time < $3)';
  const newest = await rowsOf<{ number: string }>(manager, `select number from history where ${fits} order by number desc offset $4 limit 1`, [upTo, since, until, calls]);
  const after = newest[0]?.number ?? '0';
  const { total } = await oneRow<{ total: string }>(manager, `select count(*) as total from history where ${fits} and number > $4`, [upTo, since, until, after]);
  return { since, until, after, upTo, total: Number(total) };
}
