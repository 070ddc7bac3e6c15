import type { Principal } from '@customhouse/events/principal';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { stopKey, stopOfKey, stopTarget, type Stop, type StopKind, type StopTarget } from '@customhouse/policy-contract/stops';

/** What a stop can be about: a call, by who makes it and what it is aimed at. */
export interface Stoppable {
  readonly caller: { readonly principal: Principal };
  readonly server: string;
  /** By the server's own name. */
  readonly target: string;
}

/** A call on its way to its server. */
export interface Running extends Stoppable {
  /** `words`: what is stopped, and why. */
  stop(words: string): void;
}

/** The stops in force, followed from `customhouse.state.policy`, and the calls that they end. */
export class Stops {
  readonly #words = new Map<string, string>();
  readonly #running = new Set<Running>();

  /** Stops in force. */
  get size(): number {
    return this.#words.size;
  }

  /** False for a record that is about something else. */
  apply({ key, event }: StateChange): boolean {
    const target = stopOfKey(key);
    if (target === undefined) return false;
    if (event === undefined) this.#words.delete(key);
    else {
      // That there is a stop is in the key, so one in a form that this release does not know stops as well.
      const reason = event.foreign === undefined ? (event.data as Stop).reason : undefined;
      this.#words.set(key, wordsFor(target, reason));
      for (const call of this.#running) this.#stop(call);
    }
    return true;
  }

  /** In words, what is stopped that this call belongs to, and why. Undefined: nothing. */
  against(call: Stoppable): string | undefined {
    return this.#words.size === 0 ? undefined : (this.ofTarget(call.server, call.target) ?? this.ofCaller(call.caller.principal));
  }

  /** The same of all that is aimed at this, whoever makes it. `target`: by the server's own name; empty for what is about none. */
  ofTarget(server: string, target: string): string | undefined {
    if (this.#words.size === 0) return undefined;
    return this.#of('everything', '') ?? this.#of('server', server) ?? this.#of('tool', `${server}/${target}`);
  }

  /** The same of all that is done by or for these, whatever it is aimed at. */
  ofCaller({ agent, person, delegation = [] }: Principal): string | undefined {
    if (this.#words.size === 0) return undefined;
    return this.#of('everything', '') ?? this.#firstOf('agent', [agent, ...delegation.map(({ actor }) => actor)]) ?? this.#of('person', person);
  }

  /** From now until `leave` the call is ended by whatever stops it, also by what does so already. */
  enter(call: Running): void {
    this.#running.add(call);
    this.#stop(call);
  }

  leave(call: Running): void {
    this.#running.delete(call);
  }

  #stop(call: Running): void {
    const words = this.against(call);
    if (words !== undefined) call.stop(words);
  }

  #firstOf(kind: StopKind, names: readonly string[]): string | undefined {
    return names.map((name) => this.#of(kind, name)).find((words) => words !== undefined);
  }

  #of(kind: StopKind, name: string): string | undefined {
    return this.#words.get(stopKey(stopTarget(kind, name)));
  }
}

function wordsFor({ kind, name }: StopTarget, reason = 'the record that says why cannot be read by this release'): string {
  return `${kind === 'everything' ? 'everything' : `the ${kind} "${name}"`} is stopped: ${reason}`;
}
