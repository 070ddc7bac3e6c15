import type { Dispatcher } from 'undici';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { classify } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamLogger } from './logger.js';
import { SseParser } from './sse-parser.js';

export interface StandingStreamOptions {
  /** Dispatches the GET; `lastEventId` asks for what was missed. */
  readonly open: (handler: Dispatcher.DispatchHandler, lastEventId: string | undefined) => void;
  readonly receive: (message: JsonObject) => void;
  /** An answer, which belongs on the stream of its request: some servers send it here when that stream has ended. `bytes`: of the event it came in. */
  readonly answer: (message: JsonObject, bytes: number) => void;
  /** HTTP 404: the session is gone. */
  readonly onNotFound: () => void;
  readonly logger: UpstreamLogger;
  readonly max_message_bytes: number;
}

const reopen = { default_ms: 1_000, min_ms: 100, max_ms: 30_000 };

/**
 * The GET stream of a legacy session, on which a server sends what belongs to no call. Reopened whenever it ends; a server that
 * has none (405, or any other 4xx) is left in peace.
 */
export class StandingStream implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #parser: SseParser | undefined;
  #lastEventId: string | undefined;
  #retry_ms: number | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #opened!: () => void;
  /** The server has said, once, whether it has such a stream. */
  readonly opened = new Promise<void>((resolve) => (this.#opened = resolve));

  constructor(private readonly options: StandingStreamOptions) {}

  start(): void {
    this.options.open(this, this.#lastEventId);
  }

  stop(): void {
    this.#stopped = true;
    this.#opened();
    clearTimeout(this.#timer);
    this.#controller?.abort(new Error('the connection is closed'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#stopped) controller.abort(new Error('the connection is closed'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    this.#opened();
    const type = headers['content-type'];
    const plain = headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity';
    if (status === 200 && plain && typeof type === 'string' && type.startsWith('text/event-stream')) {
      this.#failures = 0;
      this.#parser = new SseParser((data) => this.#onEvent(data));
      return;
    }
    // Anything below 500 is the server's answer to the question whether it has such a stream.
    if (status < 500) this.#stopped = true;
    if (status === 404) this.options.onNotFound();
    this.#failures += 1;
    controller.abort(new Error(`HTTP ${status}`));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#parser?.feed(chunk);
    if (this.#parser && this.#parser.pending > this.options.max_message_bytes) {
      this.#failures += 1;
      controller.abort(new Error('a message is too large'));
    }
  }

  onResponseEnd(): void {
    this.#again();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#opened();
    if (!this.#parser) this.#failures += 1;
    this.options.logger.debug({ error: error.message }, 'the standing stream of an upstream ended');
    this.#again();
  }

  #again(): void {
    this.#controller = undefined;
    this.#lastEventId = this.#parser?.lastEventId ?? this.#lastEventId;
    this.#retry_ms = this.#parser?.retry_ms ?? this.#retry_ms;
    this.#parser = undefined;
    if (this.#stopped) return;
    const asked = Math.max(reopen.min_ms, this.#retry_ms ?? reopen.default_ms);
    const delay = Math.min(reopen.max_ms, asked * 2 ** Math.min(this.#failures, 10));
    this.#timer = setTimeout(() => this.start(), delay);
    this.#timer.unref();
  }

  #onEvent(data: string): void {
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      this.options.logger.warn({}, 'an upstream sent an event that is not JSON; it is left out');
      return;
    }
    for (const item of Array.isArray(message) ? message : [message]) {
      const kind = classify(item);
      if (kind === 'request' || kind === 'notification') this.options.receive(item as JsonObject);
      else if (kind !== 'invalid') this.options.answer(item as JsonObject, Buffer.byteLength(data));
    }
  }
}
