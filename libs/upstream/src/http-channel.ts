import type { Dispatcher, Pool } from 'undici';
import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Channel } from './channel.js';
import { cancelledBefore, type ExchangeOptions } from './exchange.js';
import type { HttpClient } from './http-client.js';
import { HttpExchange, type HttpSession } from './http-exchange.js';
import type { UpstreamLogger } from './logger.js';
import { StandingStream } from './standing-stream.js';
import { UpstreamFailed, type UpstreamAnswer } from './upstream.js';

export interface HttpChannelOptions {
  readonly url: URL;
  readonly client: HttpClient;
  readonly logger: UpstreamLogger;
  readonly headers: Readonly<Record<string, string>>;
  readonly max_message_bytes: number;
  readonly send_timeout_ms: number;
  readonly close_timeout_ms: number;
}

/** What the transport itself says; neither the configuration nor a call may say otherwise. */
const ownHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const standingPatience_ms = 500;

/** Streamable HTTP: each message is a POST, answered with JSON or with a stream of events. */
export class HttpChannel implements Channel, HttpSession {
  readonly streamPerRequest = true;
  receive: Channel['receive'] = () => undefined;
  readonly closed: Promise<string>;
  readonly #calls: Pool;
  readonly #path: string;
  readonly #configured: string[];
  #close!: (reason: string) => void;
  #ended: string | undefined;
  #sessionId: string | undefined;
  #protocol: string | undefined;
  #headers: string[];
  #standing: StandingStream | undefined;
  readonly #live = new Set<HttpExchange>();

  constructor(private readonly options: HttpChannelOptions) {
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.#calls = options.client.calls(options.url.origin);
    this.#path = options.url.pathname + options.url.search;
    this.#configured = permitted(options.headers);
    this.#headers = this.#postHeaders();
  }

  exchange(id: RequestId, text: string, options: ExchangeOptions): Promise<UpstreamAnswer> {
    return this.#post(id, text, options, 'answer');
  }

  async send(text: string): Promise<void> {
    await this.#post(0, text, { timeout_ms: this.options.send_timeout_ms, max_bytes: this.options.max_message_bytes }, 'acceptance');
  }

  /** A server that asks something outside of its answers asks it on the standing stream, and many forget what they said before that was there. */
  async ready(protocol: string): Promise<void> {
    this.#protocol = protocol;
    this.#headers = this.#postHeaders();
    this.#standing = new StandingStream({
      open: (handler, lastEventId) => this.#get(handler, lastEventId),
      receive: (message) => this.receive(message, undefined),
      answer: (message, bytes) => this.#answered(message, bytes),
      onNotFound: () => this.named && this.onSessionLost(),
      logger: this.options.logger,
      max_message_bytes: this.options.max_message_bytes,
    });
    this.#standing.start();
    const { opened } = this.#standing;
    // There are servers that begin the stream with their first word.
    await Promise.race([opened, new Promise((resolve) => setTimeout(resolve, standingPatience_ms).unref())]);
  }

  /** Ends the session at the server as far as it lets us, within `close_timeout_ms`. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#end('closed by us');
    if (this.#sessionId === undefined) return;
    try {
      const answer = await this.#calls.request({
        method: 'DELETE',
        path: this.#path,
        headers: this.#headers,
        signal: AbortSignal.timeout(this.options.close_timeout_ms),
      });
      await answer.body.dump({ limit: 65_536, signal: AbortSignal.timeout(this.options.close_timeout_ms) });
    } catch (error) {
      // A server need not offer DELETE; its session then ends by its own time limit.
      this.options.logger.debug({ error: error instanceof Error ? error.message : String(error) }, 'the session of an upstream could not be ended');
    }
  }

  onSessionId(id: string): void {
    if (!/^[\x21-\x7e]{1,4096}$/.test(id)) return;
    this.#sessionId = id;
    this.#headers = this.#postHeaders();
  }

  get named(): boolean {
    return this.#sessionId !== undefined;
  }

  onSessionLost(): void {
    this.#end('session-lost');
  }

  resume(handler: Dispatcher.DispatchHandler, lastEventId: string): void {
    this.#get(handler, lastEventId);
  }

  #post(id: RequestId, text: string, options: ExchangeOptions, expects: 'answer' | 'acceptance'): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined)
        return reject(new UpstreamFailed(this.#ended === 'session-lost' ? 'session-lost' : 'closed', 'no', `the connection to the server has ended: ${this.#ended}`));
      if (options.signal?.aborted) return reject(cancelledBefore());
      const exchange = new HttpExchange(id, options, resolve, reject);
      exchange.expects = expects;
      exchange.session = this;
      exchange.live = this.#live;
      this.#live.add(exchange);
      const pool = options.standing ? this.options.client.streams(this.options.url.origin) : this.#calls;
      pool.dispatch({ method: 'POST', path: this.#path, headers: this.#headersOf(options), body: text }, exchange);
    });
  }

  #headersOf({ headers, eraHeaders }: ExchangeOptions): string[] {
    if (headers === undefined && eraHeaders === undefined) return this.#headers;
    const own = Object.entries(eraHeaders ?? {}).flat();
    const callers = permitted(headers ?? {}, (name) => eraHeaders !== undefined && Object.hasOwn(eraHeaders, name));
    return [...this.#headers, ...own, ...callers];
  }

  #get(handler: Dispatcher.DispatchHandler, lastEventId: string | undefined): void {
    const headers = ['accept', 'text/event-stream', ...this.#commonHeaders()];
    if (lastEventId !== undefined) headers.push('last-event-id', lastEventId);
    this.options.client.streams(this.options.url.origin).dispatch({ method: 'GET', path: this.#path, headers }, handler);
  }

  #postHeaders(): string[] {
    return ['accept', 'application/json, text/event-stream', 'content-type', 'application/json', ...this.#commonHeaders()];
  }

  #commonHeaders(): string[] {
    // `identity`: what cannot be inflated cannot be a decompression bomb.
    const headers = ['accept-encoding', 'identity', ...this.#configured];
    if (this.#sessionId !== undefined) headers.push('mcp-session-id', this.#sessionId);
    if (this.#protocol !== undefined) headers.push('mcp-protocol-version', this.#protocol);
    return headers;
  }

  #answered(message: JsonObject, bytes: number): void {
    for (const exchange of this.#live) if (exchange.id === message['id'] && exchange.expects === 'answer') return exchange.answerElsewhere(message, bytes);
    this.options.logger.debug({}, 'an upstream answered a request that is not in flight; the answer is left out');
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#standing?.stop();
    // After a lost session the calls that the server still works on may yet be answered, each on its own stream.
    if (reason !== 'session-lost') for (const exchange of [...this.#live]) exchange.cut('closed', 'the connection to the server was closed');
    this.#close(reason);
  }
}

/** Headers that the configuration or a caller may say. */
export function permitted(headers: Readonly<Record<string, string>>, taken: (name: string) => boolean = () => false): string[] {
  return Object.entries(headers).flatMap(([mixed, value]) => {
    const name = mixed.toLowerCase();
    return ownHeaders.has(name) || taken(name) ? [] : [name, value];
  });
}
