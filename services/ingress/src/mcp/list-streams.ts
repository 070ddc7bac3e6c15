import type { ServerResponse } from 'node:http';
import { notificationText, serverSentEvent } from '@customhouse/mcp-wire/messages';
import type { Caller } from './caller.js';
import { HttpFailure } from './failure.js';

interface Stream {
  readonly response: ServerResponse;
  readonly who: string;
  lastSign: number;
}

const listChanged = serverSentEvent(notificationText('notifications/tools/list_changed'));
/** Changes that come together are told once. */
const settle_ms = 100;

/** Standing streams (GET): they hear that the list of tools changed. */
export class ListStreams {
  readonly #streams = new Set<Stream>();
  readonly #byWho = new Map<string, number>();
  #pending: NodeJS.Timeout | undefined;

  constructor(private readonly limits: { readonly streamsPerPrincipal: number; readonly keepAlive_ms: number }) {}

  get size(): number {
    return this.#streams.size;
  }

  /** Keeps the response open as a stream. Throws HttpFailure when the caller has too many. */
  open(response: ServerResponse, caller: Caller): void {
    const own = this.#byWho.get(caller.who) ?? 0;
    if (own >= this.limits.streamsPerPrincipal) throw new HttpFailure(429, 'too-many-calls', `${own} streams of yours are open already`, { 'retry-after': '30' });
    this.#byWho.set(caller.who, own + 1);
    const stream: Stream = { response, who: caller.who, lastSign: performance.now() };
    this.#streams.add(stream);
    response.once('close', () => this.#close(stream));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.flushHeaders();
  }

  /** What tools/list answers may be different from now on. */
  changed(): void {
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined;
      for (const stream of this.#streams) this.#write(stream, listChanged);
    }, settle_ms).unref();
  }

  tick(now: number): void {
    for (const stream of this.#streams) {
      if (now - stream.lastSign < this.limits.keepAlive_ms) continue;
      stream.lastSign = now;
      this.#write(stream, ': waiting\n\n');
    }
  }

  close(): void {
    clearTimeout(this.#pending);
    for (const stream of this.#streams) stream.response.end();
  }

  /** A client that does not read loses its stream: it will ask again, and has missed nothing that a new list does not tell. */
  #write(stream: Stream, text: string): void {
    if (stream.response.writableLength > 65_536) stream.response.destroy();
    else stream.response.write(text);
  }

  #close(stream: Stream): void {
    this.#streams.delete(stream);
    const own = this.#byWho.get(stream.who)! - 1;
    if (own === 0) this.#byWho.delete(stream.who);
    else this.#byWho.set(stream.who, own);
  }
}
