import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { serverSentEvent } from '@customhouse/mcp-wire/messages';

/**
 * Stands where the response of one request would stand, for clients that get all answers on one stream of events (HTTP+SSE): what an
 * exchange writes becomes part of that stream, and its end ends only the part. Statuses and headers have no place there; what an
 * exchange would say as JSON is said as an event.
 */
export class EventPart extends Writable {
  headersSent = false;
  statusCode = 200;
  readonly #headers = new Map<string, string>();
  #events = false;
  #text = '';

  constructor(private readonly stream: ServerResponse) {
    super({ decodeStrings: false, highWaterMark: 0 });
    const onStreamClosed = (): void => void this.destroy();
    stream.once('close', onStreamClosed);
    this.once('close', () => stream.off('close', onStreamClosed));
  }

  /** As the parts of the ingress take it: of a response they use no more than this has. */
  get asResponse(): ServerResponse<IncomingMessage> {
    return this as unknown as ServerResponse<IncomingMessage>;
  }

  setHeader(name: string, value: string): this {
    this.#headers.set(name.toLowerCase(), value);
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.#headers.get(name.toLowerCase());
  }

  writeHead(status: number, headers: OutgoingHttpHeaders = {}): this {
    this.headersSent = true;
    this.statusCode = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, String(value));
    this.#events = this.getHeader('content-type') === 'text/event-stream';
    return this;
  }

  flushHeaders(): void {}

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (!this.#events) {
      this.#text += chunk.toString();
      return callback();
    }
    // Called back when it has left, so that what the client has not taken can be seen here as well.
    this.stream.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#text === '') return callback();
    this.stream.write(serverSentEvent(this.#text), callback);
  }
}
