import { hash } from 'node:crypto';
import { RecentMap } from '@customhouse/identity/recent-map';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import { endpointKey, type Endpoint } from '../../state/endpoint.js';
import type { Caller } from '../caller.js';
import { SealedTokens } from './sealed-tokens.js';

/** What an MCP session is: agreed once by `initialize`, the same in every replica. It counts at its own endpoint only. */
export interface Session extends Endpoint {
  /** ULID. All events of a session share a partition of the log by it. */
  readonly id: string;
  readonly protocol: string;
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly capabilities: JsonObject;
  /** Unix milliseconds. */
  readonly opened: number;
}

/** What the session id holds; short names, because it travels with every request. */
interface Sealed {
  readonly s: string;
  readonly v: string;
  readonly n: readonly [string, string] | null;
  readonly k: JsonObject;
  readonly e: string | null;
  /** The toolset; left out where there is none. */
  readonly o?: string;
  readonly t: number;
  /** Digest of who opened it. */
  readonly p: string;
}

interface Opened {
  readonly session: Session;
  readonly who: string;
}

/** Opened sessions that are remembered: decrypting costs more than a lookup. */
const remembered = 10_000;
const endedRemembered = 10_000;

/**
 * Sessions without a memory: the id is the session, encrypted and authenticated, so any replica serves it and a restart forgets
 * none. Only an end (DELETE) is remembered, by the replicas that were told, until the session's time is over anyway.
 */
export class Sessions {
  readonly #opened = new RecentMap<string, Opened>(remembered);
  readonly #ended = new RecentMap<string, true>(endedRemembered);
  readonly #ids: SealedTokens<Sealed>;

  /** `key`: 32 bytes, the same in every replica of an installation. */
  constructor(
    key: Uint8Array,
    private readonly ttl_ms: number,
  ) {
    this.#ids = new SealedTokens(key, 'sessions');
  }

  /** The id for a new session of this caller. */
  seal(session: Session, caller: Caller): string {
    return this.#ids.seal({
      s: session.id,
      v: session.protocol,
      n: session.client && [session.client.name, session.client.version],
      k: session.capabilities,
      e: session.server,
      ...(session.toolset !== null && { o: session.toolset }),
      t: session.opened,
      p: digestOf(caller.who),
    });
  }

  /** The session behind an id, for the caller that opened it at this endpoint. Undefined for every other id: unknown, forged, ended, too old, somebody else's. */
  open(id: string, caller: Caller, at: Endpoint, now: number): Session | undefined {
    let opened = this.#opened.get(id);
    if (opened === undefined) {
      opened = this.#decrypt(id);
      if (opened === undefined) return undefined;
      if (opened.who === digestOf(caller.who)) opened = { session: opened.session, who: caller.who };
      else return undefined;
      this.#opened.set(id, opened);
    }
    const { session } = opened;
    if (opened.who !== caller.who || endpointKey(session) !== endpointKey(at) || now - session.opened > this.ttl_ms || this.#ended.get(session.id)) return undefined;
    return session;
  }

  end(session: Session): void {
    this.#ended.set(session.id, true);
  }

  #decrypt(id: string): Opened | undefined {
    const sealed = this.#ids.open(id);
    // A version that was withdrawn since.
    if (sealed === undefined || revisionOf(sealed.v) === undefined) return undefined;
    const client = sealed.n && { name: sealed.n[0], version: sealed.n[1] };
    return { session: { id: sealed.s, protocol: sealed.v, client, capabilities: sealed.k, server: sealed.e, toolset: sealed.o ?? null, opened: sealed.t }, who: sealed.p };
  }
}

function digestOf(who: string): string {
  return hash('sha256', who, 'base64url');
}
