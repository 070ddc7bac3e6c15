import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Accepts } from '@customhouse/mcp-wire/headers';
import { serverSentEvent } from '@customhouse/mcp-wire/messages';
import { legacyDialect, type Dialect, type Reply } from '../answers/dialect.js';

/** A client that does not read: what it has not taken of a stream may grow to this, then progress is left out. */
const unreadBytes = 1_048_576;
/** How long a client that lost its stream waits before it asks for the rest, said in the first event. */
const retry_ms = 1_000;

export interface Watcher {
  clientGone(): void;
}

/**
 * One HTTP request with JSON-RPC requests in it, and the way back to its sender. It answers as one JSON body, or as a stream of
 * events once anything has to be sent before the answers; the caller of `answer` need not know which.
 */
export class Exchange {
  /** How answers are worded: by the era of the request. */
  dialect: Dialect = legacyDialect;
  /** The client's end is gone; nothing that is written arrives. */
  gone = false;
  readonly started: number;
  #streaming = false;
  #ended = false;
  /** Answers still owed: one for each request of the body. */
  #owed = 1;
  #batch: string[] | undefined;
  #watchers: Watcher[] | undefined;
  #lastSign: number;
  #eventId: (() => string | undefined) | undefined;
  #primes = false;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** What the client takes: at least one of the two. */
    readonly accepts: Accepts,
    now: number,
  ) {
    this.started = now;
    this.#lastSign = now;
    response.once('close', () => this.#close());
  }

  get ended(): boolean {
    return this.#ended;
  }

  get isBatch(): boolean {
    return this.#batch !== undefined;
  }

  /** The body was a batch with this many requests: their answers go back together. */
  expectBatch(requests: number): void {
    this.#owed = requests;
    this.#batch = [];
  }

  /**
   * Events of a stream get ids, by which the client can ask for the rest. `primes`: the client also takes an id before there is anything to
   * say, as an event without data.
   */
  identify(eventId: () => string | undefined, primes: boolean): void {
    this.#eventId = eventId;
    this.#primes = primes;
  }

  /** To be told when the client goes away before everything was answered. */
  watch(watcher: Watcher): void {
    if (this.gone) watcher.clientGone();
    else (this.#watchers ??= []).push(watcher);
  }

  /** Headers of the answer, if they have not left yet. */
  setHeader(name: string, value: string): void {
    if (!this.response.headersSent) this.response.setHeader(name, value);
  }

  /** Answers one request of the body in the words of its era; undefined when there is nobody to tell. */
  reply(id: RequestId, reply: Reply | undefined): void {
    if (reply === undefined) return this.forget();
    const { text, status } = this.dialect.word(id, reply);
    this.answer(text, status);
  }

  /** Answers one request of the body. The status counts when this is all of the answer. */
  answer(text: string, status = 200): void {
    if (this.#ended || this.gone) return;
    this.#owed -= 1;
    if (this.#streaming || !this.accepts.json || (this.accepts.streamFirst && status === 200)) {
      if (!this.#streaming) this.#startStream();
      this.#writeEvent(text);
      if (this.#owed === 0) this.#end();
    } else if (this.#batch) {
      this.#batch.push(text);
      if (this.#owed === 0) this.#endBatch();
    } else {
      this.endWith(status, text);
    }
  }

  /** A request of the body gets no answer, because its sender cancelled it. */
  forget(): void {
    if (this.#ended || this.gone) return;
    this.#owed -= 1;
    if (this.#owed > 0) return;
    if (this.#batch && this.#batch.length > 0) return this.#endBatch();
    if (!this.#streaming && !this.accepts.stream) return this.endWith(202, '');
    // There is nothing to come back for.
    this.#primes = false;
    if (!this.#streaming) this.#startStream();
    this.#end();
  }

  /** Somebody else writes the answer from now on. */
  handOver(): ServerResponse {
    this.#ended = true;
    return this.response;
  }

  /** Ends the whole exchange with a status and one JSON text (or no body at all). */
  endWith(status: number, text: string, headers?: Readonly<Record<string, string>>): void {
    if (this.#ended || this.gone) return;
    this.#ended = true;
    const { response } = this;
    if (headers) for (const name in headers) response.setHeader(name, headers[name]!);
    if (text !== '') response.setHeader('content-type', 'application/json');
    response.statusCode = status;
    response.end(text);
  }

  /** A notification that may be left out when the client does not keep up, or takes no stream. */
  notify(text: string, now: number): void {
    this.deliver(text, now);
  }

  /** Sends what must not be left out before the answer. False when it cannot be: the client is gone, does not read, takes no stream, or has its answer. */
  deliver(text: string, now: number): boolean {
    if (!this.#openStream() || this.response.writableLength > unreadBytes) return false;
    this.#lastSign = now;
    this.#writeEvent(text);
    return true;
  }

  /** Ends the stream before the answer, where the client knows from its events how to come back for it. The answer is then for whoever comes back. */
  pause(): void {
    const id = this.#primes && this.#batch === undefined ? this.#eventId?.() : undefined;
    if (id === undefined || !this.#openStream()) return;
    this.response.write(primer(id));
    this.#end();
  }

  /** Milliseconds since the client last got anything. */
  silence(now: number): number {
    return now - this.#lastSign;
  }

  /** Calls back when the last byte has left for the client; never when the client went away before. */
  onDelivered(listener: () => void): void {
    if (this.response.writableFinished) listener();
    else this.response.once('finish', listener);
  }

  /** Shows the client and everything between that the connection is alive. */
  keepAlive(now: number, every_ms: number): void {
    if (this.silence(now) < every_ms || !this.#openStream()) return;
    this.#lastSign = now;
    if (this.response.writableLength === 0) this.response.write(': waiting\n\n');
  }

  /** Becomes a stream now, if the client takes one. */
  stream(): void {
    this.#openStream();
  }

  #openStream(): boolean {
    if (this.#ended || this.gone) return false;
    if (!this.#streaming && this.accepts.stream) {
      this.#startStream();
      for (const text of this.#batch ?? []) this.response.write(serverSentEvent(text));
    }
    return this.#streaming;
  }

  #startStream(): void {
    this.#streaming = true;
    this.response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    this.response.flushHeaders();
    const id = this.#primes ? this.#eventId?.() : undefined;
    if (id !== undefined) this.response.write(primer(id));
  }

  #writeEvent(text: string): void {
    this.response.write(serverSentEvent(text, this.#eventId?.()));
  }

  #endBatch(): void {
    this.endWith(200, `[${this.#batch!.join(',')}]`);
  }

  #end(): void {
    this.#ended = true;
    this.response.end();
  }

  #close(): void {
    if (this.response.writableFinished) return;
    this.gone = true;
    const watchers = this.#watchers;
    this.#watchers = undefined;
    if (watchers) for (const watcher of watchers) watcher.clientGone();
  }
}

/** An event with an id and nothing to say. */
function primer(id: string): string {
  return `id: ${id}\nretry: ${retry_ms}\ndata: \n\n`;
}
