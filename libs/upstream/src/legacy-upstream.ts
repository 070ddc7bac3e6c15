import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Channel } from './channel.js';
import type { ExchangeOptions } from './exchange.js';
import type { UpstreamLogger } from './logger.js';
import { ProgressTokens } from './progress-tokens.js';
import { UpstreamFailed, type CallOptions, type Upstream, type UpstreamAnswer } from './upstream.js';

/** The newest revision of the era that begins with `initialize`. */
export const legacyProtocol = '2025-11-25';

export interface Handshake {
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** What requests of the server the client answers: `{}` for none. */
  readonly capabilities: JsonObject;
  /** Extensions that the client knows: said to modern servers only. */
  readonly extensions?: JsonObject | undefined;
  readonly timeout_ms: number;
  readonly max_bytes: number;
  readonly signal?: AbortSignal;
  readonly logger: UpstreamLogger;
}

/** Runs `initialize` and `notifications/initialized` over a channel. Rejects with UpstreamFailed; the channel is the caller's to close. */
export async function openLegacy(channel: Channel, handshake: Handshake): Promise<Upstream> {
  const upstream = new LegacyUpstream(channel, handshake.logger);
  const params = { protocolVersion: legacyProtocol, capabilities: handshake.capabilities, clientInfo: { ...handshake.clientInfo } };
  const text = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
  // `initialize` is the one request that must not be cancelled, so nothing is said when it times out.
  const answer = await channel.exchange(0, text, { timeout_ms: handshake.timeout_ms, max_bytes: handshake.max_bytes, signal: handshake.signal, opensSession: true });
  if ('error' in answer) throw new UpstreamFailed('unsupported-protocol', 'no', `the server refused initialize: ${answer.error.code} ${answer.error.message.slice(0, 300)}`);
  upstream.initialized = answer.result;
  upstream.protocol = negotiated(answer.result);
  const ready = channel.ready(upstream.protocol);
  await upstream.notify({ method: 'notifications/initialized' });
  await ready;
  return upstream;
}

function negotiated(result: JsonObject): string {
  const version = result['protocolVersion'];
  // Revisions are dates, so text order is their order.
  if (typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version <= legacyProtocol) return version;
  throw new UpstreamFailed(
    'unsupported-protocol',
    'no',
    `the server wants to speak MCP revision ${JSON.stringify(version ?? null).slice(0, 60)}; up to ${legacyProtocol} was offered`,
  );
}

/** The legacy era over any channel: ids, progress tokens and cancellation of this hop. */
class LegacyUpstream implements Upstream {
  readonly era = 'legacy';
  initialized: JsonObject = {};
  protocol = '';
  #id = 0;
  #listener: ((message: JsonObject) => void) | undefined;
  readonly #progress = new ProgressTokens();

  constructor(
    private readonly channel: Channel,
    private readonly logger: UpstreamLogger,
  ) {
    channel.receive = (message, exchange) => this.#receive(message, exchange);
  }

  get closed(): Promise<string> {
    return this.channel.closed;
  }

  call(request: { readonly method: string; readonly params?: JsonObject }, options: CallOptions): Promise<UpstreamAnswer> {
    const id = (this.#id += 1);
    const exchange: ExchangeOptions = {
      timeout_ms: options.timeout_ms,
      more_ms: options.more_ms,
      max_bytes: options.max_bytes,
      signal: options.signal,
      headers: options.headers,
      onMessage: options.onMessage,
      onPaused: options.onPaused,
      onAbandoned: this.#onAbandoned,
    };
    const meta = request.params?.['_meta'];
    const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
    if (token === undefined) return this.channel.exchange(id, JSON.stringify({ jsonrpc: '2.0', id, method: request.method, params: request.params }), exchange);
    const params = { ...request.params, _meta: { ...(meta as JsonObject), progressToken: this.#progress.begin(id, token, options.onMessage) } };
    const text = JSON.stringify({ jsonrpc: '2.0', id, method: request.method, params });
    return this.channel.exchange(id, text, exchange).finally(() => this.#progress.end(id));
  }

  notify(notification: { readonly method: string; readonly params?: JsonObject }): Promise<void> {
    return this.channel.send(JSON.stringify({ jsonrpc: '2.0', method: notification.method, params: notification.params }));
  }

  respond(id: RequestId, answer: UpstreamAnswer): Promise<void> {
    return this.channel.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  }

  onMessage(listener: (message: JsonObject) => void): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.channel.close();
  }

  readonly #onAbandoned = (id: RequestId, reason: string): void => {
    this.#tell(this.notify({ method: 'notifications/cancelled', params: { requestId: id, reason } }), 'a cancellation');
  };

  #receive(message: JsonObject, exchange: ExchangeOptions | undefined): void {
    if (message['method'] === 'ping' && isRequestId(message['id'])) return this.#tell(this.respond(message['id'], { result: {} }), 'the answer to a ping');
    if (message['method'] === 'notifications/progress') return this.#onProgress(message);
    const listener = exchange?.onMessage ?? this.#listener;
    if (listener) return listener(message);
    if (isRequestId(message['id']))
      this.#tell(this.respond(message['id'], { error: { code: -32601, message: `${String(message['method'])} is not supported by this client` } }), 'a refusal');
  }

  #onProgress(message: JsonObject): void {
    if (!this.#progress.deliver(message, this.#listener)) this.logger.debug({}, 'an upstream sent progress of a request that is not in flight; it is left out');
  }

  #tell(sending: Promise<void>, what: string): void {
    sending.catch((error: unknown) => this.logger.debug({ error: error instanceof Error ? error.message : String(error) }, `${what} did not reach the upstream`));
  }
}
