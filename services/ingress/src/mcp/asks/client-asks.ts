import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { JsonRpcError, UpstreamAnswer } from '@customhouse/upstream/upstream';
import { SealedTokens } from '../sessions/sealed-tokens.js';
import type { Session } from '../sessions/sessions.js';

/** What the id of a request to a client says; short names, because it travels. */
interface AskId {
  readonly c: string;
  readonly n: number;
  /** The session of the client that is asked: nobody else can answer. */
  readonly s: string;
  /** Where the process that waits for the answer is reached by its peers; empty when it is not. */
  readonly u: string;
}

interface Listener {
  onAnswer(answer: UpstreamAnswer): void;
  onProgress(params: JsonObject): void;
}

/** Where an answer belongs. `nowhere`: nobody waits for it any more, or never did. */
export type Place = { readonly at: 'here'; readonly listener: Listener } | { readonly at: 'peer'; readonly url: string } | { readonly at: 'nowhere' };

/**
 * Requests to legacy clients that wait for their answer, which comes with a POST of its own, at any replica. The id of a request is
 * sealed and names the process that waits, so that another one can pass the answer on.
 */
export class ClientAsks {
  readonly #waiting = new Map<string, Listener>();
  readonly #ids: SealedTokens<AskId>;
  #count = 0;

  /** `self`: the URL at which other replicas reach this process; undefined when there are none. */
  constructor(
    key: Uint8Array,
    private readonly self: string | undefined,
  ) {
    this.#ids = new SealedTokens(key, 'asks');
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The id for a request to the client of this call and session. `forget` when nobody waits any more. */
  wait(call: string, session: string, listener: Listener): { readonly id: string; forget(): void } {
    const n = (this.#count += 1);
    const key = `${call}#${n}`;
    this.#waiting.set(key, listener);
    return { id: this.#ids.seal({ c: call, n, s: session, u: this.self ?? '' }), forget: () => void this.#waiting.delete(key) };
  }

  /** Where the answer to this id, or progress with this token, belongs. */
  place(id: RequestId | null | undefined, session: Session): Place {
    const opened = typeof id === 'string' ? this.#ids.open(id) : undefined;
    if (opened === undefined || opened.s !== session.id) return { at: 'nowhere' };
    const listener = this.#waiting.get(`${opened.c}#${opened.n}`);
    if (listener !== undefined) return { at: 'here', listener };
    return opened.u === '' || opened.u === this.self ? { at: 'nowhere' } : { at: 'peer', url: opened.u };
  }
}

/** The part of an answer that counts. The message has been classified as a result or an error. */
export function answerIn(message: JsonObject): UpstreamAnswer {
  return 'result' in message ? { result: message['result'] as JsonObject } : { error: message['error'] as JsonRpcError };
}
