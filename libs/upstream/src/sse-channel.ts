import type { Dispatcher } from 'undici';
import type { RequestId } from '@customhouse/mcp-wire/json-rpc';
import { AddressRefused } from './address-guard.js';
import type { Channel } from './channel.js';
import { deliver } from './deliver.js';
import { Exchange, cancelledBefore, type ExchangeOptions } from './exchange.js';
import { permitted, type HttpChannelOptions } from './http-channel.js';
import { SseParser } from './sse-parser.js';
import { UpstreamFailed, type UpstreamAnswer, type UpstreamFailureReason } from './upstream.js';

export interface SseChannelOptions extends HttpChannelOptions {
  /** Until the stream has named the endpoint. */
  readonly open_timeout_ms: number;
  readonly signal?: AbortSignal;
}

/** Opens the stream of a server that speaks the transport of 2024-11-05. Rejects with UpstreamFailed. */
export async function openSse(options: SseChannelOptions): Promise<Channel> {
  const channel = new SseChannel(options);
  await channel.opened;
  return channel;
}

/**
 * HTTP+SSE: one stream carries everything that the server says, and messages are posted to an address that its first event names.
 * The stream is the session: when it ends, what was asked has no answer any more.
 */
class SseChannel implements Channel, Dispatcher.DispatchHandler {
  readonly streamPerRequest = false;
  receive: Channel['receive'] = () => undefined;
  readonly opened: Promise<void>;
  readonly closed: Promise<string>;
  #open!: () => void;
  #refuse!: (failure: UpstreamFailed) => void;
  #close!: (reason: string) => void;
  #ended: string | undefined;
  #path: string | undefined;
  #protocol: string | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #parser = new SseParser((data, name) => this.#onEvent(data, name));
  readonly #waiting = new Map<RequestId, SseExchange>();

  constructor(private readonly options: SseChannelOptions) {
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.opened = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#refuse = reject;
    });
    this.#timer = setTimeout(() => this.#fail('timeout', `no event stream within ${options.open_timeout_ms} ms`), options.open_timeout_ms);
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
    const headers = ['accept', 'text/event-stream', ...this.#commonHeaders()];
    options.client.streams(options.url.origin).dispatch({ method: 'GET', path: options.url.pathname + options.url.search, headers }, this);
  }

  exchange(id: RequestId, text: string, options: ExchangeOptions): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#refusal());
      if (options.signal?.aborted) return reject(cancelledBefore());
      const exchange = new SseExchange(id, options, resolve, reject);
      exchange.waiting = this.#waiting;
      this.#waiting.set(id, exchange);
      this.#post(text, exchange, options);
    });
  }

  send(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#refusal());
      const options = { timeout_ms: this.options.send_timeout_ms, max_bytes: this.options.max_message_bytes };
      this.#post(text, new SseExchange(0, options, () => resolve(), reject), options, 'acceptance');
    });
  }

  ready(protocol: string): Promise<void> {
    this.#protocol = protocol;
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#end('closed by us');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended !== undefined) controller.abort(new Error('the connection is closed'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    const type = headers['content-type'];
    const plain = headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity';
    if (status === 200 && plain && typeof type === 'string' && type.startsWith('text/event-stream')) return;
    this.#fail('http-status', `the server answered with HTTP ${status} when it was asked for its event stream`, status);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended !== undefined) return;
    this.#parser.feed(chunk);
    if (this.#parser.pending > this.options.max_message_bytes) this.#end(`the server sent a message of more than ${this.options.max_message_bytes} bytes`);
  }

  onResponseEnd(): void {
    this.#fail('closed', 'the server ended its event stream');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof AddressRefused) return this.#fail('address-refused', error.message);
    this.#fail(this.#path === undefined ? 'unreachable' : 'closed', `the event stream of the server was lost: ${error.message}`);
  }

  #onEvent(data: string, name: string): void {
    if (name === 'endpoint') return this.#onEndpoint(data);
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return this.options.logger.warn({}, 'an upstream sent an event that is not JSON; it is left out');
    }
    deliver(message, data.length, { waiting: this.#waiting, receive: (received) => this.receive(received, undefined), logger: this.options.logger });
  }

  #onEndpoint(data: string): void {
    if (this.#path !== undefined) return;
    let url: URL;
    try {
      url = new URL(data, this.options.url);
    } catch {
      return this.#fail('malformed', 'the server named an endpoint that is no URL');
    }
    // Our credentials go with each message, so it goes nowhere but to the server that was registered.
    if (url.origin !== this.options.url.origin) return this.#fail('malformed', 'the server named an endpoint at another origin than its own');
    this.#path = url.pathname + url.search;
    clearTimeout(this.#timer);
    this.#open();
  }

  #post(text: string, exchange: SseExchange, options: ExchangeOptions, expects: 'answer' | 'acceptance' = 'answer'): void {
    exchange.expects = expects;
    const headers = ['accept', 'application/json, text/event-stream', 'content-type', 'application/json', ...this.#commonHeaders(), ...permitted(options.headers ?? {})];
    this.options.client.calls(this.options.url.origin).dispatch({ method: 'POST', path: this.#path!, headers, body: text }, exchange);
  }

  #commonHeaders(): string[] {
    const headers = ['accept-encoding', 'identity', ...permitted(this.options.headers)];
    if (this.#protocol !== undefined) headers.push('mcp-protocol-version', this.#protocol);
    return headers;
  }

  #refusal(): UpstreamFailed {
    return new UpstreamFailed('closed', 'no', `the connection to the server has ended: ${this.#ended}`);
  }

  readonly #onAbort = (): void => this.#fail('cancelled', 'the connection is no longer wanted');

  #fail(reason: UpstreamFailureReason, message: string, status?: number): void {
    this.#refuse(new UpstreamFailed(reason, 'no', message, { status }));
    this.#end(message);
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    clearTimeout(this.#timer);
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    for (const exchange of [...this.#waiting.values()]) exchange.fail('closed', `the connection was lost before the answer: ${reason}`);
    this.#controller?.abort(new Error('the connection is closed'));
    this.#close(reason);
  }
}

/** These say that the message was refused before it was looked at; after any other status the server may have acted. */
const refusedBeforeActing: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 421, 426, 429, 431]);

/** One POST, which only says that the message arrived. The answer comes on the stream. */
class SseExchange extends Exchange implements Dispatcher.DispatchHandler {
  expects: 'answer' | 'acceptance' = 'answer';
  waiting: Map<RequestId, SseExchange> | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #bytes = 0;
  #accepted = false;

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.settled) return controller.abort(new Error('no longer wanted'));
    this.#controller = controller;
    this.sent = 'maybe';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200 && status <= 299) {
      this.#accepted = true;
      if (this.expects === 'acceptance') this.answer({ result: {} });
      return;
    }
    if (refusedBeforeActing.has(status)) this.sent = 'no';
    this.fail('http-status', `the server answered with HTTP ${status}`, { status });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > 65_536) controller.abort(new Error('no longer wanted'));
  }

  onResponseEnd(): void {
    this.#controller = undefined;
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#controller = undefined;
    // After the headers of a good response the answer may still come on the stream.
    if (this.settled || this.#accepted) return;
    if (error instanceof AddressRefused) this.fail('address-refused', error.message, { cause: error });
    else if (this.sent === 'maybe') this.fail('closed', `the connection was lost before the answer: ${error.message}`, { cause: error });
    else this.fail('unreachable', `the server could not be reached: ${error.message}`, { cause: error });
  }

  protected override release(): void {
    this.#controller?.abort(new Error('no longer wanted'));
  }

  protected override onSettled(): void {
    this.waiting?.delete(this.id);
  }
}
