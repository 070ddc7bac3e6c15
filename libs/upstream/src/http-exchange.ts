import type { Dispatcher } from 'undici';
import { classify, isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { AddressRefused } from './address-guard.js';
import { Exchange, type ExchangeOptions } from './exchange.js';
import { SseParser } from './sse-parser.js';

/** What an exchange needs from the channel it belongs to. */
export interface HttpSession {
  /** `mcp-session-id` of an answer to `initialize`. */
  onSessionId(id: string): void;
  /** True when requests name a session. */
  readonly named: boolean;
  /** A 404 to a request that named a session: the server no longer knows it. */
  onSessionLost(): void;
  receive(message: JsonObject, exchange: ExchangeOptions): void;
  /** Asks for the rest of a stream that ended early (GET with Last-Event-ID), to be fed to the same handler. */
  resume(handler: Dispatcher.DispatchHandler, lastEventId: string): void;
}

/** After the answer a stream may have a little left; it is read to its end so that the connection can be used again. */
const drain = { ms: 1_000, bytes: 65_536 };
const statusBodyBytes = 16_384;
const resumeDelay = { default_ms: 1_000, min_ms: 100, max_ms: 30_000 };

/** These say that the request was refused before it was looked at as a call; after any other status the server may have acted. */
const refusedBeforeActing: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 421, 426, 429, 431]);

/** One POST. `acceptance` is for notifications and answers, where 2xx is all there is to hear. */
export class HttpExchange extends Exchange implements Dispatcher.DispatchHandler {
  expects: 'answer' | 'acceptance' = 'answer';
  session!: HttpSession;
  /** The set of unsettled exchanges that this one leaves when it is settled. */
  live!: Set<HttpExchange>;
  #controller: Dispatcher.DispatchController | undefined;
  #mode: 'json' | 'sse' | 'status' = 'status';
  #status = 0;
  #bytes = 0;
  #chunks: Buffer[] = [];
  #parser: SseParser | undefined;
  #drain: NodeJS.Timeout | undefined;
  #resumed = false;

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Aborted here, undici writes nothing.
    if (this.settled) return controller.abort(new Error('no longer wanted'));
    this.#controller = controller;
    this.sent = 'maybe';
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.settled) return controller.abort(new Error('no longer wanted'));
    this.#status = status;
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') return this.cut('malformed', `the server compressed its answer (${String(encoding)}) although it was asked not to`);
    if (status < 200 || status > 299) {
      this.#mode = 'status';
      return;
    }
    const session = headers['mcp-session-id'];
    if (typeof session === 'string' && this.options.opensSession) this.session.onSessionId(session);
    const type = headers['content-type'];
    if (typeof type === 'string' && type.startsWith('text/event-stream')) {
      this.#mode = 'sse';
      this.#parser ??= new SseParser((data) => this.#onEvent(data));
    } else if (typeof type === 'string' && /^application\/(?:[\w.-]+\+)?json\b/.test(type)) {
      this.#mode = this.#resumed ? 'status' : 'json';
    } else {
      this.#mode = 'status';
    }
    if (this.expects === 'acceptance') {
      this.answer({ result: {} });
      this.#startDrain();
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.settled) {
      if (this.#bytes > drain.bytes) controller.abort(new Error('no longer wanted'));
      return;
    }
    const standing = this.options.standing && this.#mode === 'sse';
    if (!standing && this.#bytes > this.options.max_bytes) return this.cut('too-large', `the answer is larger than ${this.options.max_bytes} bytes`);
    if (this.#mode === 'sse') {
      this.#parser!.feed(chunk);
      if (standing && this.#parser!.pending > this.options.max_bytes) this.cut('too-large', `a message is larger than ${this.options.max_bytes} bytes`);
    } else if (this.#mode === 'json' || this.#bytes <= statusBodyBytes) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#drain);
    if (this.settled) return;
    if (this.#mode === 'json') this.#onJson();
    else if (this.#mode === 'sse') this.#onStreamEnd('the server ended the stream before the answer');
    else this.#onStatus();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#drain);
    if (this.settled) return;
    if (this.#parser) return this.#onStreamEnd(`the connection was lost before the answer: ${error.message}`, error);
    if (this.sent === 'maybe') return this.fail('closed', `the connection was lost before the answer: ${error.message}`, { cause: error });
    if (error instanceof AddressRefused) this.fail('address-refused', error.message, { cause: error });
    else this.fail('unreachable', `the server could not be reached: ${describe(error)}`, { cause: error });
  }

  /** The answer came on another stream of the session than on this request's own, which nobody needs any more. */
  answerElsewhere(message: JsonObject, bytes: number): void {
    if (bytes > this.options.max_bytes) return this.cut('too-large', `the answer is larger than ${this.options.max_bytes} bytes`);
    this.answer(message);
    this.release();
  }

  protected override release(): void {
    this.#controller?.abort(new Error('no longer wanted'));
  }

  protected override onSettled(): void {
    this.live.delete(this);
  }

  #onEvent(data: string): void {
    if (this.settled) return;
    const message = parse(data);
    if (message === undefined) return this.cut('malformed', 'the server sent an event that is not JSON');
    for (const item of Array.isArray(message) ? message : [message]) this.#take(item);
    if (this.settled) this.#startDrain();
  }

  #onJson(): void {
    const text = this.#chunks.length === 1 ? this.#chunks[0]!.toString('utf8') : Buffer.concat(this.#chunks).toString('utf8');
    const message = parse(text);
    if (message === undefined) return this.fail('malformed', 'the server answered with text that is not JSON');
    // On a connection of its own, an error without an id can only mean this request.
    if (isJsonObject(message) && message['id'] === null && 'error' in message) return this.answer(message);
    for (const item of Array.isArray(message) ? message : [message]) this.#take(item);
    if (!this.settled) this.fail('malformed', 'the server did not answer this request but another id, or nothing at all');
  }

  #take(message: unknown): void {
    if (!isJsonObject(message) || message['jsonrpc'] !== '2.0') return;
    if (message['id'] === this.id && !('method' in message)) return this.answer(message);
    const kind = classify(message);
    if (kind === 'request' || kind === 'notification') this.session.receive(message, this.options);
  }

  #onStreamEnd(message: string, cause?: Error): void {
    const last = this.#parser?.lastEventId;
    // The modern era has no resumption: a stream that broke is a call without an answer.
    if (last === undefined || last === '' || this.options.eraHeaders !== undefined) return this.fail('closed', message, cause && { cause });
    const delay = Math.min(resumeDelay.max_ms, Math.max(resumeDelay.min_ms, this.#parser?.retry_ms ?? resumeDelay.default_ms));
    this.#resumed = true;
    if (cause === undefined) this.options.onPaused?.();
    setTimeout(() => {
      if (!this.settled) this.session.resume(this, last);
    }, delay).unref();
  }

  #onStatus(): void {
    if (this.#resumed) return this.fail('closed', `the stream ended before the answer and could not be continued (HTTP ${this.#status})`);
    const body = parse(Buffer.concat(this.#chunks).toString('utf8'));
    const own = isJsonObject(body) && 'error' in body && (body['id'] === this.id || (body['id'] === null && isRefusal(body['error'])));
    if (own) return this.answer(body);
    if (refusedBeforeActing.has(this.#status)) this.sent = 'no';
    if (this.session.named && namesLostSession(this.#status, body)) {
      this.fail('session-lost', `the server no longer knows the session (HTTP ${this.#status})`, { status: this.#status });
      return this.session.onSessionLost();
    }
    this.fail('http-status', `the server answered with HTTP ${this.#status}${errorText(body)}`, { status: this.#status });
  }

  #startDrain(): void {
    this.#bytes = 0;
    this.#drain = setTimeout(() => this.release(), drain.ms);
    this.#drain.unref();
  }
}

/** 404 by the specification; servers made from the SDK's examples say 400 and name the session in the message. */
function namesLostSession(status: number, body: unknown): boolean {
  return status === 404 || (status === 400 && /\bsession\b/i.test(errorText(body)));
}

/** Errors of the modern era about the request as a whole, for which a server need not have read its id. */
function isRefusal(error: unknown): boolean {
  return isJsonObject(error) && (error['code'] === -32020 || error['code'] === -32021 || error['code'] === -32022);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorText(body: unknown): string {
  const error = isJsonObject(body) ? body['error'] : undefined;
  const message = isJsonObject(error) ? error['message'] : undefined;
  return typeof message === 'string' ? `: ${message.slice(0, 300)}` : '';
}

function describe(error: Error): string {
  // `localhost` has two addresses, and Node reports both failures in an AggregateError without a message.
  if (error instanceof AggregateError) return error.errors.map((part: unknown) => (part instanceof Error ? part.message : String(part))).join(', ');
  return error.message;
}
