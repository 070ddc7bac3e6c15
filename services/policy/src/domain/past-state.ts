import { Window } from '@customhouse/kernel/window';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { SessionState } from '@customhouse/policy-contract/input';
import type { Limit } from '@customhouse/policy-contract/rules';
import { Memory } from './memory.js';

/** A recorded call, as far as the state of its time is concerned. */
export interface PastCall {
  readonly call: string;
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
  readonly labels: readonly string[];
  readonly calls: number;
  readonly refused: number;
  readonly held: number;
}

/** A held call, with the limits that it counts for once it is sent. */
interface Held {
  readonly call: PastCall;
  readonly counts: readonly Limited[];
}

/** One thing that is remembered, as plain JSON. */
export interface Saved {
  readonly kind: 'session' | 'window' | 'held';
  readonly key: string;
  /** Undefined: it was forgotten. */
  readonly value: unknown;
}

/** Sessions, windows of limits, and held calls that are remembered; of more the ones that were idle longest are forgotten. */
const remembered = 100_000;
const nothing: Session = { labels: [], calls: 0, refused: 0, held: 0 };

/**
 * What had happened before a call, made again from the record while it is read in order: for versions that look at what nobody had
 * looked at then, so that it was not recorded with the call. It goes by the same rules as an ingress, and begins empty, or with what was saved.
 */
export class PastState {
  readonly #sessions: Memory<Session>;
  /** Calls that a rule let through. */
  readonly #windows: Memory<Window>;
  readonly #held: Memory<Held>;

  /** `saved`: all that `changes` gave out so far, the last of each. Given, even empty, it is noted what changes. */
  constructor(saved?: Iterable<Saved>, most = remembered) {
    this.#sessions = new Memory(most);
    this.#windows = new Memory(most);
    this.#held = new Memory(most);
    if (saved === undefined) return;
    for (const { kind, key, value } of saved) {
      if (kind === 'session') this.#sessions.set(key, value as Session);
      else if (kind === 'held') this.#held.set(key, value as Held);
      else {
        const { length_ms, counts } = value as { length_ms: number; counts: [number, number][] };
        this.#windows.set(key, new Window(length_ms, counts));
      }
    }
    for (const memory of [this.#sessions, this.#windows, this.#held]) memory.watch();
  }

  /** What the session had done and seen. */
  sessionState({ session }: PastCall): SessionState {
    const { labels, calls, refused, held } = this.#sessions.get(session) ?? nothing;
    return { labels: [...labels].sort(), counters: { calls, refused, held } };
  }

  /** By rule, how many calls it had let through in its window. */
  used(call: PastCall, limits: readonly Limited[]): Record<string, number> {
    return Object.fromEntries(limits.map(({ rule, limit }) => [rule, this.#windows.get(windowOf(rule, limit, call))?.count(call.time) ?? 0]));
  }

  /** Goes on to the next call. `recorded`: what was decided then. `again`: what the version on trial decides; undefined when that cannot be known. */
  add(call: PastCall, recorded: Decision, again: Decision | undefined, limits: readonly Limited[]): void {
    const session = this.#sessions.get(call.session) ?? nothing;
    const { effect } = recorded;
    this.#sessions.set(call.session, {
      labels: effect === 'allow' ? union(session.labels, call.labels) : session.labels,
      calls: session.calls + 1,
      refused: session.refused + (effect === 'refuse' ? 1 : 0),
      held: session.held + (effect === 'hold' ? 1 : 0),
    });
    const counts = limits.filter(({ rule }) => again?.rules.some(({ id, effect: of }) => id === rule && of === 'allow') === true);
    if (again?.effect === 'allow') this.#count(call, counts, call.time);
    if (effect === 'hold') this.#held.set(call.call, { call, counts: again?.effect === 'hold' ? counts : [] });
  }

  /** A held call was approved and sent. `time`: Unix milliseconds. `held`: the call, where it was held before this began. */
  sent(call: string, time: number, held?: PastCall): void {
    const known = this.#held.get(call) ?? (held && { call: held, counts: [] });
    if (known === undefined) return;
    this.#held.delete(call);
    this.#label(known.call.session, known.call.labels);
    this.#count(known.call, known.counts, time);
  }

  /** A result brought findings into a session. */
  found(session: string, rules: readonly string[]): void {
    this.#label(session, rules);
  }

  /** What is remembered otherwise than when this was asked last. */
  changes(): readonly Saved[] {
    return [
      ...this.#sessions.changes().map(([key, value]) => ({ kind: 'session' as const, key, value })),
      ...this.#windows.changes().map(([key, window]) => ({ kind: 'window' as const, key, value: window && { length_ms: window.length_ms, counts: window.counts } })),
      ...this.#held.changes().map(([key, value]) => ({ kind: 'held' as const, key, value })),
    ];
  }

  #label(id: string, labels: readonly string[]): void {
    const session = this.#sessions.get(id) ?? nothing;
    this.#sessions.set(id, { ...session, labels: union(session.labels, labels) });
  }

  #count(call: PastCall, limits: readonly Limited[], time: number): void {
    for (const { rule, limit } of limits) {
      const key = windowOf(rule, limit, call);
      const window = this.#windows.get(key) ?? new Window(limit.window_s * 1_000);
      window.add(time);
      this.#windows.set(key, window);
    }
  }
}

function union(labels: readonly string[], more: readonly string[]): readonly string[] {
  return more.every((label) => labels.includes(label)) ? labels : [...new Set([...labels, ...more])];
}

/** Calls that are counted together. */
function windowOf(rule: string, { per, window_s }: Limit, { tenant, agent, person, session, server, tool }: PastCall): string {
  const whom = { agent: [agent], person: [person], session: [session], tool: [server, tool], everybody: [] }[per];
  return JSON.stringify([rule, window_s, tenant, ...whom]);
}
