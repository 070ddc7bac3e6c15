import type { RequestId } from '@customhouse/mcp-wire/json-rpc';
import { Failure } from './failure.js';

/** Something a client may cancel by its request id. */
export interface Cancellable {
  cancel(): void;
}

/** Calls in flight: how many, of whom, and how to reach one by its request id. */
export class ActiveCalls {
  #all = 0;
  readonly #byWho = new Map<string, number>();
  readonly #byRequest = new Map<string, Cancellable>();
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(private readonly limits: { readonly calls: number; readonly callsPerPrincipal: number }) {}

  get size(): number {
    return this.#all;
  }

  /** Takes a place. Throws Failure when there is none. */
  enter(who: string): void {
    if (this.#closed) throw new Failure('not-ready', 'the gateway is stopping; another one will take the call');
    if (this.#all >= this.limits.calls) throw new Failure('too-many-calls', `${this.limits.calls} calls are in flight already; try again shortly`);
    const own = this.#byWho.get(who) ?? 0;
    if (own >= this.limits.callsPerPrincipal) throw new Failure('too-many-calls', `${own} calls of yours are in flight already; wait for some to end`);
    this.#all += 1;
    this.#byWho.set(who, own + 1);
  }

  leave(who: string): void {
    this.#all -= 1;
    const own = this.#byWho.get(who)! - 1;
    if (own === 0) this.#byWho.delete(who);
    else this.#byWho.set(who, own);
    if (this.#all === 0) this.#drained?.();
  }

  /** A call that waits for a person takes no place of all, only of its own principal. */
  rest(): void {
    this.#all -= 1;
    if (this.#all === 0) this.#drained?.();
  }

  wake(): void {
    this.#all += 1;
  }

  register(session: string, id: RequestId, call: Cancellable): void {
    this.#byRequest.set(keyOf(session, id), call);
  }

  /** A second request with an id that is in use takes it over; the first then only lets go of what is still its own. */
  unregister(session: string, id: RequestId, call: Cancellable): void {
    const key = keyOf(session, id);
    if (this.#byRequest.get(key) === call) this.#byRequest.delete(key);
  }

  /** False when there is no such request here. */
  cancel(session: string, id: RequestId): boolean {
    const call = this.#byRequest.get(keyOf(session, id));
    call?.cancel();
    return call !== undefined;
  }

  /** Takes no more, waits for those in flight, and cancels what is left after the time. */
  async drain(timeout_ms: number): Promise<void> {
    this.#closed = true;
    if (this.#all === 0) return;
    const all = new Promise<void>((resolve) => (this.#drained = resolve));
    await Promise.race([all, after(timeout_ms)]);
    if (this.#all === 0) return;
    for (const call of this.#byRequest.values()) call.cancel();
    // Each cancelled call still records its end, which takes at most as long as a record may take.
    await Promise.race([all, after(3_000)]);
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** `1` and `"1"` are different ids. */
function keyOf(session: string, id: RequestId): string {
  return typeof id === 'number' ? `${session}#${id}` : `${session}"${id}`;
}
