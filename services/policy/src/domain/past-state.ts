import type { Decision } from '@customhouse/policy-contract/decision';
import type { SessionState } from '@customhouse/policy-contract/input';
import type { Limit } from '@customhouse/policy-contract/rules';

/** A recorded call, as far as the state of its time is concerned. */
export interface PastCall {
  /** Unix milliseconds. */
  readonly time: number;
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  readonly session: string;
  readonly server: string;
  readonly tool: string;
  readonly labels: readonly string[];
}

/** A rule of the version on trial, with the limit that it has. */
export interface Limited {
  readonly rule: string;
  readonly limit: Limit;
}

interface Session {
  readonly labels: Set<string>;
  calls: number;
  refused: number;
  held: number;
}

/** Sessions, and windows of limits, that are remembered; of more the ones that were idle longest are forgotten. */
const remembered = 100_000;

/**
 * What had happened before a call, made again from the record while it is read in order: for versions that look at what nobody had
 * looked at then, so that it was not recorded with the call. It begins empty.
 */
export class PastState {
  readonly #sessions = new Map<string, Session>();
  /** Times of the calls that a rule let through, ascending. */
  readonly #windows = new Map<string, number[]>();

  /** What the session had done and seen. A call that was allowed counts as gone through; what was found in results is not known here. */
  sessionState({ session }: PastCall): SessionState {
    const known = this.#sessions.get(session);
    return { labels: [...(known?.labels ?? [])].sort(), counters: { calls: known?.calls ?? 0, refused: known?.refused ?? 0, held: known?.held ?? 0 } };
  }

  /** By rule, how many calls it had let through in its window. */
  used(call: PastCall, limits: readonly Limited[]): Record<string, number> {
    return Object.fromEntries(
      limits.map(({ rule, limit }) => {
        const from = call.time - limit.window_s * 1_000;
        return [rule, (this.#windows.get(windowOf(rule, limit, call)) ?? []).filter((time) => time > from).length];
      }),
    );
  }

  /** Goes on to the next call. `recorded`: what was decided then. `again`: what the version on trial decides; undefined when that cannot be known. */
  add(call: PastCall, recorded: Decision, again: Decision | undefined, limits: readonly Limited[]): void {
    const session = this.#sessions.get(call.session) ?? { labels: new Set(), calls: 0, refused: 0, held: 0 };
    session.calls += 1;
    if (recorded.effect === 'refuse') session.refused += 1;
    if (recorded.effect === 'hold') session.held += 1;
    if (recorded.effect === 'allow') for (const label of call.labels) session.labels.add(label);
    keep(this.#sessions, call.session, session);
    if (again?.effect !== 'allow') return;
    for (const { rule, limit } of limits) {
      if (!again.rules.some(({ id }) => id === rule)) continue;
      const window = windowOf(rule, limit, call);
      const from = call.time - limit.window_s * 1_000;
      keep(this.#windows, window, [...(this.#windows.get(window) ?? []).filter((time) => time > from), call.time]);
    }
  }
}

/** Calls that are counted together. */
function windowOf(rule: string, { per }: Limit, { tenant, agent, person, session, server, tool }: PastCall): string {
  const whom = { agent: [tenant, agent], person: [tenant, person], session: [session], tool: [server, tool], everybody: [] }[per];
  return JSON.stringify([rule, ...whom]);
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > remembered) map.delete(map.keys().next().value!);
}
