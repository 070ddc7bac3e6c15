import type { Json } from '@customhouse/kernel/canonical';
import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';

/**
 * One connection to an MCP server. Parsed JSON in, parsed JSON out: nothing passes through SDK objects, which drop unknown fields.
 * Opened by `openUpstream` (open-upstream.ts); kept open over failures by `SupervisedUpstream` (supervised-upstream.ts).
 */
export interface Upstream {
  /**
   * `legacy`: initialize and sessions (2024-11-05 to 2025-11-25). `modern`: everything in each request (2026-07-28).
   *
   * What differs for the caller: a modern server asks nothing of its own accord, but may answer with a result whose `resultType` is
   * `input_required`; the caller then calls again with the same params and `inputResponses` and `requestState` in them. Both are
   * passed through as they are. `resources/subscribe`, `resources/unsubscribe`, `logging/setLevel` and `ping`, which a modern server
   * does not have, are answered here and do what they mean: the standing stream, and the level of each later request.
   */
  readonly era: Era;
  /**
   * What the server said of itself, as it came: the result of `initialize` (protocolVersion, capabilities, serverInfo, instructions
   * and unknown members), or of `server/discover` (the same but supportedVersions, and serverInfo under
   * `_meta["io.modelcontextprotocol/serverInfo"]`).
   */
  readonly initialized: JsonObject;
  /** The revision that both sides speak, for example `2025-06-18`. */
  readonly protocol: string;
  /**
   * Sends a request under an id and a progress token of its own and waits for the answer; a JSON-RPC error is an answer.
   * Rejects with UpstreamFailed and nothing else. When it is aborted or times out after something was sent, the server is told
   * (`notifications/cancelled`; in the modern era over HTTP by the end of the stream).
   */
  call(request: { readonly method: string; readonly params?: JsonObject }, options: CallOptions): Promise<UpstreamAnswer>;
  /** Rejects with UpstreamFailed when it could not be handed over. The modern era has no notification for it to carry, and sends none. */
  notify(notification: { readonly method: string; readonly params?: JsonObject }): Promise<void>;
  /** Answers a request that the server sent, by the id it used. Rejects like `notify`; always in the modern era, where servers send none. */
  respond(id: RequestId, answer: UpstreamAnswer): Promise<void>;
  /**
   * Notifications and requests of the server that belong to no call (list_changed, logging; on stdio also elicitation and
   * sampling, which do not say what they belong to). One listener; a request that nobody listens to is answered with -32601,
   * `ping` is always answered here.
   */
  onMessage(listener: (message: JsonObject) => void): void;
  /**
   * Resolves when the connection has ended, with the reason in words; new calls are refused from then on. Calls in flight have
   * been settled, except after `session-lost` (HTTP), where each may still be answered on its own stream or times out.
   */
  readonly closed: Promise<string>;
  /** Ends the session and the process. Resolves within `close_timeout_ms`; calls in flight fail. Never rejects. */
  close(): Promise<void>;
}

export type Era = 'legacy' | 'modern';

export interface CallOptions {
  readonly timeout_ms: number;
  /** Asked when that time is over: how much longer to wait, for example while the server waits for a person itself. Default 0. */
  readonly more_ms?: () => number;
  readonly signal?: AbortSignal;
  /**
   * Notifications and requests of the server that came on this call's own stream, and progress of this call with the caller's own
   * token. Without it they go to the connection's listener.
   */
  readonly onMessage?: (message: JsonObject) => void;
  /** The server ended the stream before its answer, as 2025-11-25 lets it, and will be asked for the rest (HTTP). */
  readonly onPaused?: () => void;
  /** Sent with this request only (HTTP). The connection's own headers cannot be replaced, nor those that are made from the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The definition of the tool that is called: in the modern era the arguments that its `inputSchema` marks with `x-mcp-header` are sent as headers too. */
  readonly definition?: JsonObject;
  /** Modern: what the client of this request can do, where it is not what the connection declares. */
  readonly capabilities?: JsonObject;
  /** At most this many bytes of answer, everything of its stream included. */
  readonly max_bytes: number;
}

/** Both sides as the server sent them, unknown members included. */
export type UpstreamAnswer = { readonly result: JsonObject } | { readonly error: JsonRpcError };
export type JsonRpcError = JsonObject & { readonly code: number; readonly message: string; readonly data?: Json };

export type UpstreamFailureReason =
  | 'unreachable'
  | 'address-refused'
  | 'timeout'
  | 'cancelled'
  | 'closed'
  | 'too-large'
  | 'malformed'
  | 'http-status'
  | 'session-lost'
  | 'spawn-failed'
  | 'unsupported-protocol'
  | 'overloaded';

/**
 * The call has no answer. `sent` says whether the server may have acted: `no` means that not one byte of the request was
 * handed to the connection, or that the server refused it by an HTTP status that says so. Only `no` is safe to call a plain failure.
 */
export class UpstreamFailed extends Error {
  override readonly name = 'UpstreamFailed';
  /** Of HTTP, where the server answered with a status that is no answer to the request. */
  readonly status: number | undefined;

  constructor(
    readonly reason: UpstreamFailureReason,
    readonly sent: 'no' | 'maybe',
    message: string,
    options?: ErrorOptions & { readonly status?: number },
  ) {
    super(message, options);
    this.status = options?.status;
  }
}
