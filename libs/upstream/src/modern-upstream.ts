import { envelope, modernRevision, nameInBody } from '@customhouse/mcp-wire/envelope';
import { headerValue } from '@customhouse/mcp-wire/header-values';
import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { headersFor, paramHeadersOf, type ParamHeader } from '@customhouse/mcp-wire/param-headers';
import type { Channel } from './channel.js';
import type { ExchangeOptions } from './exchange.js';
import type { Handshake } from './legacy-upstream.js';
import { ProgressTokens } from './progress-tokens.js';
import { Subscriptions } from './subscriptions.js';
import { UpstreamFailed, type CallOptions, type Upstream, type UpstreamAnswer } from './upstream.js';

type Request = { readonly method: string; readonly params?: JsonObject };

/** The server does not speak the modern era, as far as its answer to `server/discover` says. `why` is in words. */
export interface NotModern {
  readonly why: string;
}

/**
 * Asks `server/discover` over a channel. Rejects with UpstreamFailed when there is no answer that says anything; the channel is the
 * caller's to close, and may be used for `initialize` when the server is not modern.
 */
export async function openModern(channel: Channel, handshake: Handshake): Promise<Upstream | NotModern> {
  const upstream = new ModernUpstream(channel, handshake);
  let answer = await upstream.discover();
  // A server that refuses the revision and names it among those it speaks is believed the second time.
  if ('error' in answer && answer.error.code === versionRefused && namesModern(answer.error.data)) answer = await upstream.discover('discover-again');
  if ('error' in answer) return { why: `it answered server/discover with the error ${answer.error.code}: ${answer.error.message.slice(0, 300)}` };
  const { supportedVersions, capabilities } = answer.result;
  if (!Array.isArray(supportedVersions) || !isJsonObject(capabilities)) return { why: 'its answer to server/discover is none' };
  if (!supportedVersions.includes(modernRevision)) return { why: `it speaks ${JSON.stringify(supportedVersions).slice(0, 200)}, and not ${modernRevision}` };
  upstream.initialized = answer.result;
  return upstream;
}

function namesModern(data: unknown): boolean {
  const supported = isJsonObject(data) ? data['supported'] : undefined;
  return Array.isArray(supported) && supported.includes(modernRevision);
}

const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const paramHeaders = new WeakMap<JsonObject, readonly ParamHeader[]>();
const versionRefused = -32022;
const headersRefused = -32020;

/** The era without sessions: what a session held goes with each request, and what a server says unasked comes on a stream that was asked for. */
class ModernUpstream implements Upstream {
  readonly era = 'modern';
  readonly protocol = modernRevision;
  initialized: JsonObject = {};
  readonly closed: Promise<string>;
  #id = 0;
  #lost = false;
  #lose!: (reason: string) => void;
  #logLevel: string | undefined;
  #listener: ((message: JsonObject) => void) | undefined;
  readonly #progress = new ProgressTokens();
  readonly #subscriptions: Subscriptions;

  constructor(
    private readonly channel: Channel,
    private readonly handshake: Handshake,
  ) {
    channel.receive = (message, exchange) => this.#receive(message, exchange);
    this.closed = Promise.race([channel.closed, new Promise<string>((resolve) => (this.#lose = resolve))]);
    this.#subscriptions = new Subscriptions({
      listen: (params, signal, onMessage, onId) => this.#listen(params, signal, onMessage, onId),
      capabilities: () => this.#capabilities,
      deliver: (message) => this.#listener?.(message),
      logger: handshake.logger,
      timeout_ms: handshake.timeout_ms,
    });
    void this.closed.then(() => this.#subscriptions.stop());
  }

  /** `id` is a text, so that a late answer is never taken for that of `initialize`. */
  discover(id = 'discover'): Promise<UpstreamAnswer> {
    const { timeout_ms, max_bytes, signal } = this.handshake;
    return this.#exchange(id, { method: 'server/discover' }, { timeout_ms, max_bytes, signal });
  }

  async call(request: Request, options: CallOptions): Promise<UpstreamAnswer> {
    if (this.#lost) throw new UpstreamFailed('session-lost', 'no', 'the server no longer speaks the revision that was agreed on');
    const here = await this.#answerHere(request);
    if (here !== undefined) return here;
    const id = (this.#id += 1);
    const answer = await this.#exchange(id, request, { ...options, onAbandoned: this.#onAbandoned }).finally(() => this.#progress.end(id));
    if ('error' in answer && this.channel.streamPerRequest) this.#checkRefusal(answer.error.code, answer.error.message);
    return answer;
  }

  notify(): Promise<void> {
    return Promise.resolve();
  }

  respond(id: RequestId): Promise<void> {
    return Promise.reject(new UpstreamFailed('malformed', 'no', `a server of the revision ${modernRevision} sends no requests, so ${JSON.stringify(id)} cannot be answered`));
  }

  onMessage(listener: (message: JsonObject) => void): void {
    this.#listener = listener;
    this.#subscriptions.start();
  }

  close(): Promise<void> {
    this.#subscriptions.stop();
    return this.channel.close();
  }

  get #capabilities(): JsonObject {
    return this.initialized['capabilities'] as JsonObject;
  }

  #exchange(id: RequestId, request: Request, options: Omit<ExchangeOptions, 'eraHeaders'> & Pick<CallOptions, 'definition' | 'capabilities'>): Promise<UpstreamAnswer> {
    const given = request.params?.['_meta'];
    const meta: JsonObject = isJsonObject(given) ? { ...given } : {};
    if (meta['progressToken'] !== undefined) meta['progressToken'] = this.#progress.begin(id, meta['progressToken'], options.onMessage);
    if (this.#logLevel !== undefined) meta[envelope.logLevel] ??= this.#logLevel;
    meta[envelope.protocolVersion] = modernRevision;
    meta[envelope.clientInfo] = { ...this.handshake.clientInfo };
    const { capabilities, extensions } = this.handshake;
    meta[envelope.clientCapabilities] = { ...(options.capabilities ?? capabilities), ...(extensions !== undefined && { extensions }) };
    const params = { ...request.params, _meta: meta };
    const text = JSON.stringify({ jsonrpc: '2.0', id, method: request.method, params });
    return this.channel.exchange(id, text, { ...options, eraHeaders: headersOf(request, options.definition) });
  }

  /** What the legacy era has a method for, and this one does otherwise. */
  async #answerHere({ method, params }: Request): Promise<UpstreamAnswer | undefined> {
    switch (method) {
      case 'ping':
        return { result: {} };
      case 'logging/setLevel':
        if (this.#capabilities['logging'] === undefined) return notOffered(method);
        if (typeof params?.['level'] !== 'string') return { error: { code: -32602, message: 'a level is needed' } };
        this.#logLevel = params['level'];
        return { result: {} };
      case 'resources/subscribe':
      case 'resources/unsubscribe': {
        const uri = params?.['uri'];
        if (typeof uri !== 'string') return { error: { code: -32602, message: 'a uri is needed' } };
        if (method === 'resources/unsubscribe') await this.#subscriptions.remove(uri);
        else if (!(await this.#subscriptions.add(uri))) return notOffered(method);
        return { result: {} };
      }
      default:
        return undefined;
    }
  }

  /**
   * These two are about this hop, and not about the caller's request, which the server refused before it looked at it. After the
   * first the connection is of no use; whoever opens it again finds out what the server speaks now.
   */
  #checkRefusal(code: number, message: string): void {
    if (code === versionRefused) {
      this.#lost = true;
      this.#lose('session-lost');
      throw new UpstreamFailed('session-lost', 'no', `the server no longer speaks the revision that was agreed on: ${message.slice(0, 300)}`, { status: 400 });
    }
    if (code === headersRefused)
      throw new UpstreamFailed('http-status', 'no', `the server refused the headers of the request (${code}): ${message.slice(0, 300)}`, { status: 400 });
  }

  async #listen(notifications: JsonObject, signal: AbortSignal, onMessage: (message: JsonObject) => void, onId: (id: RequestId) => void): Promise<UpstreamAnswer> {
    const id = (this.#id += 1);
    onId(id);
    return this.#exchange(
      id,
      { method: 'subscriptions/listen', params: { notifications } },
      { timeout_ms: Number.MAX_SAFE_INTEGER, max_bytes: this.handshake.max_bytes, standing: true, signal, onMessage, onAbandoned: this.#onAbandoned },
    );
  }

  readonly #onAbandoned = (id: RequestId, reason: string): void => {
    // On a stream of its own the end of the stream says it.
    if (this.channel.streamPerRequest) return;
    const text = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason } });
    this.channel.send(text).catch((error: unknown) => {
      this.handshake.logger.debug({ error: error instanceof Error ? error.message : String(error) }, 'a cancellation did not reach the upstream');
    });
  };

  #receive(message: JsonObject, exchange: ExchangeOptions | undefined): void {
    if ('id' in message) return this.handshake.logger.warn({}, 'an upstream of the modern era sent a request, which has no place in it; it is left out');
    if (message['method'] === 'notifications/progress') {
      if (!this.#progress.deliver(message, this.#listener)) this.handshake.logger.debug({}, 'an upstream sent progress of a request that is not in flight; it is left out');
      return;
    }
    // Over stdio everything shares one stream, and the subscription is named in the message.
    if (exchange?.onMessage) exchange.onMessage(message);
    else if (!this.#subscriptions.take(message)) this.#listener?.(message);
  }
}

function headersOf(request: Request, definition: JsonObject | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': modernRevision, 'mcp-method': request.method };
  const name = nameInBody(request.method, request.params);
  if (name !== undefined) headers['mcp-name'] = headerValue(name, toBase64);
  const args = request.params?.['arguments'];
  if (definition === undefined || !isJsonObject(args)) return headers;
  let marked = paramHeaders.get(definition);
  if (marked === undefined) paramHeaders.set(definition, (marked = paramHeadersOf(definition['inputSchema']).headers));
  return marked.length === 0 ? headers : { ...headers, ...headersFor(marked, args, toBase64) };
}

function notOffered(method: string): UpstreamAnswer {
  return { error: { code: -32601, message: `the server does not offer ${method}` } };
}
