import type { PolicyBlastRadius, PolicyChange, PolicyChangeReport, PolicyExample } from '@customhouse/http-contract/policy-trials';
import type { Decision } from '@customhouse/policy-contract/decision';
import { timestamp } from '@customhouse/kernel/time';

/** A recorded call as a report names it, and what two versions say about it. */
export interface Compared {
  readonly call: string;
  /** Unix milliseconds. */
  readonly time: number;
  readonly agent: string;
  readonly person: string;
  readonly method: string;
  readonly server: string;
  readonly tool: string;
  readonly before: Decision;
  readonly after: Decision;
}

export interface ReportBounds {
  /** Agents, people, tools and rules that are named; calls of others are counted together. */
  readonly names: number;
  readonly examples: number;
}

/** Names that are counted while a report is made, so that one that becomes frequent late is among the first all the same. */
const countedNames = 10_000;

/** How a call comes out differently. Undefined: with the same effect, on the same terms; other rules may have fired. */
export function changeOf(before: Decision, after: Decision): PolicyChange | undefined {
  if (before.effect !== after.effect) return ({ allow: 'newly_allowed', hold: 'newly_held', refuse: 'newly_refused' } as const)[after.effect];
  return sameTerms(before.obligations, after.obligations) ? undefined : 'other_terms';
}

/** Counts what a version does differently: a fold over compared calls. */
export class BlastRadius {
  readonly #report: PolicyBlastRadius;
  readonly #tallies = new Map<string, Map<string, number>>();

  /** `begun`: a report that is to be continued. */
  constructor(
    readonly bounds: ReportBounds,
    begun?: PolicyBlastRadius,
  ) {
    this.#report = begun ? copyOf(begun) : nothing();
    for (const [change, { by_agent, by_person, by_tool, by_rule }] of Object.entries(this.#report.changes))
      for (const [by, { most }] of Object.entries({ by_agent, by_person, by_tool, by_rule }))
        this.#tallies.set(`${change} ${by}`, new Map(most.map(({ name, calls }) => [name, calls])));
  }

  /** Answers what changed. */
  add(compared: Compared): PolicyChange | undefined {
    const report = this.#report;
    report.calls += 1;
    const change = changeOf(compared.before, compared.after);
    if (change === undefined) {
      report.unchanged += 1;
      return undefined;
    }
    const changed = report.changes[change];
    changed.calls += 1;
    this.#count(change, 'by_agent', compared.agent);
    this.#count(change, 'by_person', compared.person);
    this.#count(change, 'by_tool', `${compared.server}/${compared.tool}`);
    this.#count(change, 'by_rule', compared.after.rules[0]!.id);
    if (changed.examples.length < this.bounds.examples) changed.examples.push(exampleOf(compared));
    return change;
  }

  /** A call that could not be decided. */
  leaveOut(why: 'erased' | 'unreadable'): void {
    this.#report.calls += 1;
    this.#report[why] += 1;
  }

  /** As it stands. */
  report(): PolicyBlastRadius {
    const report = copyOf(this.#report);
    for (const [change, changed] of Object.entries(report.changes) as [PolicyChange, PolicyChangeReport][]) {
      for (const by of ['by_agent', 'by_person', 'by_tool', 'by_rule'] as const) {
        const sorted = [...(this.#tallies.get(`${change} ${by}`) ?? [])].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1));
        const named = sorted.slice(0, this.bounds.names);
        changed[by] = { most: named.map(([name, calls]) => ({ name, calls })), others: changed.calls - named.reduce((sum, [, calls]) => sum + calls, 0) };
      }
    }
    return report;
  }

  #count(change: PolicyChange, by: string, name: string): void {
    const key = `${change} ${by}`;
    let tally = this.#tallies.get(key);
    if (!tally) this.#tallies.set(key, (tally = new Map()));
    if (tally.has(name) || tally.size < countedNames) tally.set(name, (tally.get(name) ?? 0) + 1);
  }
}

/** A report is plain JSON. */
function copyOf(report: PolicyBlastRadius): PolicyBlastRadius {
  return JSON.parse(JSON.stringify(report)) as PolicyBlastRadius;
}

function nothing(): PolicyBlastRadius {
  const change = (): PolicyChangeReport => ({ calls: 0, by_agent: none(), by_person: none(), by_tool: none(), by_rule: none(), examples: [] });
  return {
    calls: 0,
    unchanged: 0,
    erased: 0,
    unreadable: 0,
    changes: { newly_allowed: change(), newly_held: change(), newly_refused: change(), other_terms: change() },
  };
}

const none = () => ({ most: [], others: 0 });

function exampleOf({ before, after, time, ...names }: Compared): PolicyExample {
  return { ...names, time: timestamp(time), before: { effect: before.effect, rules: before.rules }, after: { effect: after.effect, rules: after.rules } };
}

/** Whether they are the same, in whatever order their members are, and whether what is left out is there as undefined. */
function sameTerms(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null || Array.isArray(one) !== Array.isArray(other)) return false;
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) => sameTerms(left[name], right[name]));
}
