import { createParser } from 'eventsource-parser';
import { isObject, type Rule } from './messages.js';

/** Nothing came back that says what became of the message. */
export class LinkFailure extends Error {
  override readonly name = 'LinkFailure';
  constructor(
    readonly rule: Rule,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Answer {
  readonly status: number;
  readonly sessionId: string | undefined;
  /** What the body or the stream says, one parsed text after the other. Throws LinkFailure. */
  readonly messages: AsyncIterable<unknown>;
  /** Where a stream can be taken up again; changes while it is read. */
  readonly place: { lastEventId: string | undefined; retry_ms: number };
}

const refusedConnections: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** The way to the gateway: one HTTP request for each message, whose answer is JSON or a stream of events. */
export class Link {
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    private readonly url: string,
    key: string | undefined,
  ) {
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  /** Rejects with LinkFailure, or with the signal's reason. */
  async send(method: 'POST' | 'GET' | 'DELETE', text: string | undefined, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    let response: Response;
    try {
      response = await fetch(this.url, {
        method,
        headers: {
          accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...headers,
          ...this.#headers,
        },
        // A redirect would take the key to an address that nobody named.
        redirect: 'manual',
        signal,
        ...(text !== undefined && { body: text }),
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failed(this.url, error);
    }
    const place = { lastEventId: undefined, retry_ms: 1_000 };
    const events = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    const messages = events ? this.#events(response, place, signal) : this.#body(response, signal);
    return { status: response.status, sessionId: response.headers.get('mcp-session-id') ?? undefined, messages, place };
  }

  async *#body(response: Response, signal: AbortSignal): AsyncGenerator<unknown> {
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failed(this.url, error);
    }
    if (text === '') return;
    const message = parsed(text);
    if (isObject(message) || Array.isArray(message)) yield message;
  }

  async *#events(response: Response, place: Answer['place'], signal: AbortSignal): AsyncGenerator<unknown> {
    const ready: string[] = [];
    const parser = createParser({
      onEvent: ({ id, data }) => {
        if (id !== undefined) place.lastEventId = id;
        if (data !== '') ready.push(data);
      },
      onRetry: (retry_ms) => (place.retry_ms = retry_ms),
    });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
        for (const data of ready.splice(0)) {
          const message = parsed(data);
          if (message !== undefined) yield message;
        }
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failed(this.url, error);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failed(url: string, error: unknown): LinkFailure {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  const why = cause?.code === 'ECONNREFUSED' ? 'nothing listens there' : cause?.message || message;
  if (refusedConnections.has(cause?.code)) return new LinkFailure('upstream-unavailable', `${url} cannot be reached: ${why}`, { cause: error });
  return new LinkFailure('outcome-unknown', `the connection to ${url} was lost: ${why}`, { cause: error });
}
