import { envelope, nameInBody } from '@customhouse/mcp-wire/envelope';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

export interface Answered {
  readonly status: number;
  readonly contentType: string | null;
  /** The answer: the last message of a stream. */
  readonly message: JsonObject;
  /** What came before it on the stream. */
  readonly notifications: readonly JsonObject[];
}

/** A plain client of the revision 2026-07-28 over fetch: it sends what it is told, well-formed or not. */
export class RawModernClient {
  #id = 0;

  constructor(
    readonly url: string,
    readonly capabilities: JsonObject = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  /** `more` goes into `_meta`. */
  request(method: string, params: JsonObject = {}, more: JsonObject = {}, headers: Record<string, string | undefined> = {}): Promise<Answered> {
    return this.send(this.message(method, params, more), headers);
  }

  message(method: string, params: JsonObject = {}, more: JsonObject = {}): JsonObject {
    const _meta = {
      [envelope.protocolVersion]: '2026-07-28',
      [envelope.clientInfo]: { name: 'raw', version: '1.0' },
      [envelope.clientCapabilities]: this.capabilities,
      ...more,
    };
    return { jsonrpc: '2.0', id: (this.#id += 1), method, params: { ...params, _meta } };
  }

  /** A header that is undefined is left out. */
  async open(message: JsonObject, headers: Record<string, string | undefined> = {}, signal?: AbortSignal): Promise<Response> {
    const method = String(message['method']);
    const all: Record<string, string | undefined> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      'mcp-name': nameInBody(method, message['params'] as JsonObject | undefined),
      ...this.headers,
      ...headers,
    };
    const sent = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
    return fetch(this.url, { method: 'POST', headers: sent, body: JSON.stringify(message), ...(signal && { signal }) });
  }

  async send(message: JsonObject, headers: Record<string, string | undefined> = {}): Promise<Answered> {
    const response = await this.open(message, headers);
    const contentType = response.headers.get('content-type');
    const text = await response.text();
    const events = contentType?.startsWith('text/event-stream') ? [...text.matchAll(/^data: (.+)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject) : undefined;
    const message_ = events?.at(-1) ?? (text === '' ? {} : (JSON.parse(text) as JsonObject));
    return { status: response.status, contentType, message: message_, notifications: events?.slice(0, -1) ?? [] };
  }
}
