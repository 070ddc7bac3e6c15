import { setImmediate as breathe } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { PolicyBlastRadius, PolicyChange } from '@customhouse/http-contract/policy-trials';
import type { Sealed } from '@customhouse/events/envelope';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Sealer } from '@customhouse/sealing/sealer';
import { BlastRadius, type Compared, type ReportBounds } from '../domain/blast-radius.js';
import { openArguments, type Again, type Opened, type Past } from './again.js';
import { Trial } from './trial.js';
import { PartReader } from './history-parts.js';
import { rangeOf, readArguments, readPast, type KeptCall, type KeptEvent, type Place } from './history-rows.js';

/** Rows that are read, and parsed, in one go. */
const page = 250;
/** Sealed arguments that are in memory at once, unless those of one call are more. */
const portion_bytes = 4 * 2 ** 20;
/** Whatever else the process does waits no longer than this for the processor, and for what cannot be divided: reading a page, deciding one call. */
const slice_ms = 2;

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
  const { total, ...range } = await rangeOf(manager, scope);
  const radius = new BlastRadius(parts.bounds);
  const trials = { candidate: new Trial(parts.candidate), baseline: parts.baseline && new Trial(parts.baseline) };
  const reader = new PartReader();
  let done = 0;
  if (!(await parts.progress(done, total))) return undefined;
  for (let after: Place | null = range.after; after !== null;) {
    const read = await readPast(manager, { ...range, after }, reader, page);
    done += await goThrough(read.events, radius, trials, parts);
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

/** Answers how many calls were among the events. */
async function goThrough(events: readonly KeptEvent[], radius: BlastRadius, trials: Trials, { dataSource, sealer, signal }: SimulationParts): Promise<number> {
  const both = [trials.candidate, ...(trials.baseline ? [trials.baseline] : [])];
  const calls = events.flatMap((event) => (event.happened === 'decided' ? [event.call] : []));
  const opens = new Map(portions(calls.filter((call) => both.some((trial) => trial.looksAtArguments(call)))));
  let sealed: ReadonlyMap<string, Sealed> = new Map();
  let begun = performance.now();
  for (const event of events) {
    if (performance.now() - begun > slice_ms) {
      await breathe(undefined, { signal });
      begun = performance.now();
    }
    if (event.happened === 'found') for (const trial of both) trial.found(event.session, event.rules);
    else if (event.happened === 'sent') for (const trial of both) trial.sent(event.call, event.time, event.held);
    else {
      const { call } = event;
      const portion = opens.get(call);
      if (portion?.[0] === call)
        sealed = await readArguments(
          dataSource.manager,
          portion.map((one) => one.call),
        );
      await compare(call, portion && (await openArguments(sealed.get(call.call), sealer)), trials, radius);
    }
  }
  return calls.length;
}

/** Calls in the portions in which their arguments are read, by call: those of one call, or no more than fit. */
export function* portions<Call extends Pick<KeptCall, 'bytes'>>(calls: readonly Call[], most_bytes = portion_bytes): Iterable<readonly [Call, readonly Call[]]> {
  let portion: Call[] = [];
  let bytes = 0;
  for (const call of calls) {
    if (portion.length > 0 && bytes + call.bytes > most_bytes) [portion, bytes] = [[], 0];
    portion.push(call);
    bytes += call.bytes;
    yield [call, portion];
  }
}

/** What came out for one call. */
export type Result = PolicyChange | 'unchanged' | 'undecided';

/** Decides one call again, and counts what is different. `opened`: its arguments, where a version looks at them. */
export async function compare(call: Past, opened: Opened | undefined, { candidate, baseline }: Trials, radius: BlastRadius): Promise<Result> {
  const before: Again = baseline ? await baseline.decide(call, opened) : { outcome: 'decided', decision: call.decision, input: null };
  const after = await candidate.decide(call, opened);
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
