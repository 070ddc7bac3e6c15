import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { ExchangeOptions } from './exchange.js';
import type { UpstreamAnswer } from './upstream.js';

/**
 * A transport: carries JSON-RPC texts and pairs answers with requests. It knows nothing of `initialize`, tokens or
 * cancellation, which belong to an era of the protocol (legacy-upstream.ts, modern-upstream.ts).
 */
export interface Channel {
  /** Whether each request has a stream of its own, whose end tells the server that nobody waits any more. */
  readonly streamPerRequest: boolean;
  /** Sends a request's text and waits for the answer with its id. Rejects with UpstreamFailed only. */
  exchange(id: RequestId, text: string, options: ExchangeOptions): Promise<UpstreamAnswer>;
  /** Sends a notification or an answer. Rejects with UpstreamFailed only. */
  send(text: string): Promise<void>;
  /** Everything the server sends that is not an answer; `exchange` is the one whose stream it came on, if it did. Set once, before the first exchange. */
  receive: (message: JsonObject, exchange: ExchangeOptions | undefined) => void;
  /** The handshake of the legacy era is done: from here on the negotiated revision is in force. Resolves when the server can say everything that it has to say. */
  ready(protocol: string): Promise<void>;
  readonly closed: Promise<string>;
  close(): Promise<void>;
}
