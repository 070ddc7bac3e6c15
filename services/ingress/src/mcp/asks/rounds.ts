import { hash } from 'node:crypto';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { newUlid } from '@customhouse/sealing/random';
import { endpointKey, type Endpoint } from '../../state/endpoint.js';
import { canonicalText } from '../canonical-text.js';
import type { Caller } from '../caller.js';
import { Failure } from '../failure.js';
import type { ModernClient, Waiting } from '../eras/modern-client.js';
import { SealedTokens } from '../sessions/sealed-tokens.js';

/** What a `requestState` says; short names, because it travels. */
interface State {
  /** Names the round; each is used once. */
  readonly i: string;
  /** Whose request it was, and what it asked for. */
  readonly r: string;
  /** Unix milliseconds until when it counts. */
  readonly x: number;
  /** Where the process that keeps the call is reached by its peers; empty when it is not. */
  readonly u: string;
  /** Of a held call that waits for its approval: that. Nobody keeps the client meanwhile. */
  readonly a?: string;
}

/** The request that a round belongs to: the one that follows has to be the same. */
export interface RoundRequest {
  readonly caller: Caller;
  readonly at: Endpoint;
  readonly method: string;
  /** Without `_meta`, `inputResponses` and `requestState`. */
  readonly params: JsonObject;
}

export interface RoundLimits {
  /** How long a client may take to answer. One that takes longer hears for as long again how the call ended without it. */
  readonly askTimeout_ms: number;
  /** Clients that are waited for at once; whoever was asked first is given up for another one. */
  readonly calls: number;
}

/** Where a request that comes back belongs. */
export type Comeback =
  | { readonly at: 'here'; readonly client: ModernClient }
  | { readonly at: 'peer'; readonly url: string }
  /** It goes on with a held call of this process, if that knows the round and it was not used: hold-desk.ts. */
  | { readonly at: 'hold'; readonly approval: string; readonly round: string };

interface Parked {
  readonly client: ModernClient;
  readonly timer: NodeJS.Timeout;
}

/**
 * Calls whose client was asked something, until it comes back with the answer (revision 2026-07-28). The call itself stays where it is;
 * the state that the client brings back is sealed, names the process, and counts once, for the same request of the same caller.
 */
export class Rounds {
  readonly #parked = new Map<string, Parked>();
  readonly #ids = new WeakMap<ModernClient, string>();
  readonly #tokens: SealedTokens<State>;

  /** `self`: the URL at which other replicas reach this process; undefined when there are none. */
  constructor(
    key: Uint8Array,
    private readonly self: string | undefined,
    private readonly limits: RoundLimits,
    private readonly now: () => number,
  ) {
    this.#tokens = new SealedTokens(key, 'rounds');
  }

  get size(): number {
    return this.#parked.size;
  }

  /** Where the clients of this request wait between its rounds. */
  of(request: RoundRequest): Pick<Waiting, 'park' | 'forget' | 'handOut'> {
    const digest = digestOf(request);
    return { park: (client) => this.#park(client, digest), forget: (client) => this.#forget(client), handOut: (approval, until) => this.#handOut(approval, until, digest) };
  }

  /** Takes a state back, which then counts no more. Throws Failure for one that does not count: forged, altered, used, too old, of another request or caller. */
  comeback(state: unknown, request: RoundRequest): Comeback {
    const opened = typeof state === 'string' ? this.#tokens.open(state) : undefined;
    if (opened === undefined || opened.r !== digestOf(request)) throw unknownState();
    if (this.now() >= opened.x) throw unknownState();
    if (opened.a !== undefined && (opened.u === '' || opened.u === this.self)) return { at: 'hold', approval: opened.a, round: opened.i };
    const parked = this.#parked.get(opened.i);
    if (parked !== undefined) {
      this.#forget(parked.client);
      return { at: 'here', client: parked.client };
    }
    if (opened.u === '' || opened.u === this.self) throw unknownState();
    return { at: 'peer', url: opened.u };
  }

  close(): void {
    for (const { client } of [...this.#parked.values()]) this.#forget(client);
  }

  #park(client: ModernClient, digest: string): string {
    this.#forget(client);
    if (this.#parked.size >= this.limits.calls)
      for (const { client: first } of this.#parked.values()) {
        this.#forget(first);
        break;
      }
    const id = newUlid();
    const kept_ms = 2 * this.limits.askTimeout_ms;
    const timer = setTimeout(() => this.#forget(client), kept_ms).unref();
    this.#parked.set(id, { client, timer });
    this.#ids.set(client, id);
    return this.#tokens.seal({ i: id, r: digest, x: this.now() + kept_ms, u: this.self ?? '' });
  }

  /** A client that comes back when its call has been decided and ended just now still hears of it. */
  #handOut(approval: string, until: number, digest: string): { readonly round: string; readonly state: string } {
    const round = newUlid();
    return { round, state: this.#tokens.seal({ i: round, r: digest, x: until + 2 * this.limits.askTimeout_ms, u: this.self ?? '', a: approval }) };
  }

  #forget(client: ModernClient): void {
    const id = this.#ids.get(client);
    if (id === undefined) return;
    clearTimeout(this.#parked.get(id)?.timer);
    this.#parked.delete(id);
    this.#ids.delete(client);
  }
}

function digestOf({ caller, at, method, params }: RoundRequest): string {
  return hash('sha256', JSON.stringify([caller.who, endpointKey(at), method, canonicalText(params)]), 'base64url');
}

export function unknownState(): Failure {
  return new Failure('invalid-params', 'the "requestState" is not one that was given for this request, or it was used already, or came too late: make the request anew without it');
}
