import type { Json } from '@customhouse/kernel/canonical';

export type JsonObject = { [name: string]: Json };

/** One connection to an MCP server. Parsed JSON in, parsed JSON out: nothing passes through SDK objects, which drop unknown fields. */
export interface Upstream {
  /** What the server answered to `initialize`, as it came. */
  readonly initialized: JsonObject;
  readonly protocol: string;
  /**
   * Sends a request under an id of its own and waits for the answer. Notifications and requests of the server that belong to it
   * go to `onMessage`. Rejects with UpstreamFailed; an aborted signal cancels at the server too.
   */
  call(request: { readonly method: string; readonly params?: JsonObject }, options: CallOptions): Promise<UpstreamAnswer>;
  notify(notification: { readonly method: string; readonly params?: JsonObject }): Promise<void>;
  /** Answers a request that the server sent. */
  respond(id: string | number, answer: UpstreamAnswer): Promise<void>;
  /** Messages that belong to no call (list_changed, logging). */
  onMessage(listener: (message: JsonObject) => void): void;
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly timeout_ms: number;
  readonly signal: AbortSignal;
  readonly onMessage?: (message: JsonObject) => void;
  readonly headers?: Readonly<Record<string, string>>;
  /** At most this many bytes of answer. */
  readonly max_bytes: number;
}

export type UpstreamAnswer = { readonly result: JsonObject } | { readonly error: { readonly code: number; readonly message: string; readonly data?: Json } };

/** The call has no answer. `sent` says whether the server may have acted: only `no` is safe to call a plain failure. */
export class UpstreamFailed extends Error {
  override readonly name = 'UpstreamFailed';
  constructor(
    readonly reason: 'unreachable' | 'timeout' | 'cancelled' | 'closed' | 'too-large' | 'malformed' | 'http-status' | 'session-lost' | 'spawn-failed',
    readonly sent: 'no' | 'maybe',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
