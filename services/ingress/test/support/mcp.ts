import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

/** A plain MCP client over fetch: it sends what it is told, well-formed or not. */
export class RawClient {
  session: string | undefined;
  #id = 0;

  constructor(
    readonly url: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  async initialize(protocolVersion = '2025-11-25'): Promise<JsonObject> {
    const { response, message } = await this.post({
      jsonrpc: '2.0',
      id: (this.#id += 1),
      method: 'initialize',
      params: { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1.0' } },
    });
    this.session = response.headers.get('mcp-session-id') ?? undefined;
    await this.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return (message as { result: JsonObject }).result;
  }

  async request(method: string, params?: JsonObject, headers?: Record<string, string>): Promise<JsonObject> {
    const { message } = await this.post({ jsonrpc: '2.0', id: (this.#id += 1), method, ...(params && { params }) }, headers);
    return message as JsonObject;
  }

  call(name: string, args: JsonObject = {}, more: JsonObject = {}): Promise<JsonObject> {
    return this.request('tools/call', { name, arguments: args, ...more });
  }

  /** Sends a body; answers with what came back, the last message of a stream if it was one. */
  async post(body: unknown, headers: Record<string, string> = {}): Promise<{ response: Response; message: unknown; events: JsonObject[] }> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...this.headers,
        ...(this.session === undefined ? {} : { 'mcp-session-id': this.session }),
        ...headers,
      },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    });
    const text = await response.text();
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const events = [...text.matchAll(/^data: (.+)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject);
      return { response, message: events.at(-1), events };
    }
    return { response, message: text === '' ? undefined : JSON.parse(text), events: [] };
  }
}
