import type { callAdmitted, callCompleted, callDispatched } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { Principal } from '@customhouse/events/principal';
import { ToolLabel } from '@customhouse/events/registry/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { RecentMap } from '@customhouse/identity/recent-map';
import { ulidTime } from '@customhouse/kernel/ulid';
import { Window } from '@customhouse/kernel/window';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Limit } from '@customhouse/policy-contract/rules';
import type { NeededLimit } from '@customhouse/policy-engine/policy';

/** What is remembered of a call when it was decided. */
export interface Decided {
  readonly call: string;
  readonly session: string;
  readonly principal: Principal;
  readonly server: string;
  readonly tool: string;
  /** Of the tool; empty when nothing of the kind is served. */
  readonly labels: readonly string[];
  readonly decision: Decision;
  /** Unix milliseconds. */
  readonly time: number;
}

interface Session {
  readonly labels: Set<string>;
  calls: number;
  refused: number;
  held: number;
  /** Unix milliseconds of the last thing that happened in it. */
  touched: number;
}

/**
 * What has happened in sessions, and how often rules with a limit have let calls through: folded from the calls of this process as they are
 * decided, and from the log where other processes made them, or this one before its restart (call-follower.ts).
 *
 * It is bounded, so it may have forgotten, or never read, how a session began. Of such a session every label is assumed: what a rule would
 * do about a label it then does without reason, rather than not at all.
 */
export class History {
  readonly #sessions: RecentMap<string, Session>;
  readonly #windows: RecentMap<string, Window>;
  /** Held calls that have not been sent, by their id. */
  readonly #held: RecentMap<string, Decided>;
  #limits: ReadonlyMap<string, Limit> = new Map();
  /** Unix milliseconds. What happened before is not known of every session. */
  #horizon = -Infinity;

  /** `most`: sessions, and counts of limits, that are remembered. */
  constructor(most: number) {
    this.#sessions = new RecentMap(most, ({ touched }) => this.knownFrom(touched + 1));
    this.#windows = new RecentMap(most);
    this.#held = new RecentMap(most);
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.#sessions.size;
  }

  /** The limits of the policy in force, by rule: calls are counted for these. */
  limitBy(limits: ReadonlyMap<string, Limit>): void {
    this.#limits = limits;
  }

  /** What happened before this moment may be unknown. Unix milliseconds. */
  knownFrom(time: number): void {
    this.#horizon = Math.max(this.#horizon, time);
  }

  /** A call was decided: before it is recorded, so that the next one of this process knows. */
  decided(call: Decided): void {
    const { effect } = call.decision;
    const session = this.#touch(call.session, call.time);
    session.calls += 1;
    if (effect === 'refuse') session.refused += 1;
    else if (effect === 'allow') this.#passed(call, call.time);
    else {
      session.held += 1;
      this.#held.set(call.call, call);
    }
  }

  /** A held call was approved and is sent. `time`: Unix milliseconds. `held`: the call, by whoever has it at hand. */
  sent(call: string, time: number, held = this.#held.get(call)): void {
    this.#held.delete(call);
    if (held !== undefined) this.#passed(held, time);
  }

  /** A result brought findings into a session. */
  found(session: string, rules: readonly string[], time: number): void {
    if (rules.length === 0) return;
    const { labels } = this.#touch(session, time);
    for (const rule of rules) labels.add(rule);
  }

  /** Folds what another process recorded, or this one before its restart. */
  apply({ type, foreign, data, envelope }: StoredEvent, session: string): void {
    if (foreign !== undefined) return;
    const time = Date.parse(envelope.time);
    switch (type) {
      case 'call.admitted':
      case 'call.refused':
      case 'call.held': {
        const { call, principal, server, tool, labels, decision } = data as EventData<typeof callAdmitted>;
        return this.decided({ call, session, principal, server, tool, labels: labels ?? [], decision, time });
      }
      case 'call.dispatched':
        return this.sent((data as EventData<typeof callDispatched>).call, time);
      case 'call.completed':
        return this.found(
          session,
          (data as EventData<typeof callCompleted>).findings.map(({ rule }) => rule),
          time,
        );
    }
  }

  /** What a policy sees of a session. */
  session(id: string): PolicyInput['session_state'] {
    const { labels, calls, held, refused } = this.#sessions.get(id) ?? nothing;
    const known = startOf(id) >= this.#horizon ? labels : new Set([...labels, ...ToolLabel.options]);
    return { counters: { calls, held, refused }, labels: [...known].sort() };
  }

  /** How many calls each of these rules has let through in its window, for whom it would count this call. */
  used(limits: readonly NeededLimit[], call: Pick<Decided, 'session' | 'principal' | 'server' | 'tool'>, now: number): Record<string, number> {
    return Object.fromEntries(limits.map(({ rule, limit }) => [rule, this.#windows.get(windowKey(rule, limit, call))?.count(now) ?? 0]));
  }

  /** What a call does to its session once nothing keeps it from its server: its result may come at any time from now on. */
  #passed(call: Decided, time: number): void {
    const { labels } = this.#touch(call.session, time);
    for (const label of call.labels) labels.add(label);
    if (this.#limits.size === 0) return;
    for (const { id, effect } of call.decision.rules) {
      const limit = effect === 'allow' ? this.#limits.get(id) : undefined;
      if (limit === undefined) continue;
      const key = windowKey(id, limit, call);
      const window = this.#windows.get(key) ?? new Window(limit.window_s * 1_000);
      window.add(time);
      this.#windows.set(key, window);
    }
  }

  #touch(id: string, time: number): Session {
    const session = this.#sessions.get(id) ?? { labels: new Set<string>(), calls: 0, refused: 0, held: 0, touched: time };
    session.touched = Math.max(session.touched, time);
    this.#sessions.set(id, session);
    return session;
  }
}

const nothing = { labels: new Set<string>(), calls: 0, refused: 0, held: 0 };

/** When a session began, which is in its id; 0 when its client named it, because then nobody knows. */
function startOf(id: string): number {
  try {
    return ulidTime(id);
  } catch {
    return 0;
  }
}

function windowKey(rule: string, { per, window_s }: Limit, { session, principal, server, tool }: Pick<Decided, 'session' | 'principal' | 'server' | 'tool'>): string {
  const { tenant, agent, person } = principal;
  const subject = { agent: [agent], person: [person], session: [session], tool: [server, tool], everybody: [] }[per];
  return JSON.stringify([rule, window_s, tenant, ...subject]);
}
