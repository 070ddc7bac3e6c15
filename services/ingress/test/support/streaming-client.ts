import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { eventually } from './gateway.js';

export interface StreamEvent {
  readonly id: string | undefined;
  /** Undefined for an event without data. */
  readonly message: JsonObject | undefined;
}

/** What comes on one stream of events, as it comes. */
export class EventStream {
  readonly events: StreamEvent[] = [];
  ended = false;

  constructor(
    readonly response: Response,
    private readonly abort: AbortController,
  ) {
    void this.#read().finally(() => (this.ended = true));
  }

  get messages(): JsonObject[] {
    return this.events.flatMap(({ message }) => (message === undefined ? [] : [message]));
  }

  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** The first message with this method, once it is there. */
  async method(method: string): Promise<JsonObject> {
    return this.#first((message) => message['method'] === method);
  }

  /** The answer to the request with this id, once it is there. */
  async answer(id: number | string): Promise<JsonObject> {
    return this.#first((message) => message['id'] === id && !('method' in message));
  }

  /** Breaks the connection. */
  break(): void {
    this.abort.abort();
  }

  async #first(wanted: (message: JsonObject) => boolean): Promise<JsonObject> {
    let found: JsonObject | undefined;
    await eventually(() => (found = this.messages.find(wanted)) !== undefined, 20_000);
    return found!;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of this.response.body!) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        if (this.response.headers.get('content-type') !== 'text/event-stream') continue;
        const parts = text.split('\n\n');
        text = parts.pop()!;
        for (const part of parts) this.#take(part);
      }
      if (text !== '' && this.response.headers.get('content-type') === 'application/json') this.events.push({ id: undefined, message: JSON.parse(text) as JsonObject });
    } catch {
      // The connection was broken, by the test or by the end of the process that wrote: what came until then is what there is.
    }
  }

  #take(part: string): void {
    const data = /^data: (.*)$/m.exec(part)?.[1];
    if (data === undefined) return;
    const message: unknown = data.trim() === '' ? undefined : JSON.parse(data);
    this.events.push({ id: /^id: (.*)$/m.exec(part)?.[1], message: isJsonObject(message) ? message : undefined });
  }
}

/** A legacy client over fetch that reads streams as they come, sends each request to whichever replica is next, and answers what it is asked when the test says so. */
export class StreamingClient {
  session = '';
  #id = 0;
  #turn = 0;

  constructor(
    /** Of the replicas, in turn. */
    readonly urls: readonly string[],
    readonly headers: Readonly<Record<string, string>> = {},
    readonly capabilities: JsonObject = {},
  ) {}

  async initialize(protocolVersion = '2025-11-25'): Promise<void> {
    const stream = await this.post({
      id: (this.#id += 1),
      method: 'initialize',
      params: { protocolVersion, capabilities: this.capabilities, clientInfo: { name: 'streaming', version: '1' } },
    });
    await eventually(() => stream.ended);
    this.session = stream.response.headers.get('mcp-session-id')!;
    await this.post({ method: 'notifications/initialized' });
  }

  /** Calls a tool: the id of the request, and what comes back. */
  async call(name: string, args: JsonObject, meta?: JsonObject): Promise<{ id: number; stream: EventStream }> {
    return this.request('tools/call', { name, arguments: args, ...(meta && { _meta: meta }) });
  }

  async request(method: string, params: JsonObject): Promise<{ id: number; stream: EventStream }> {
    const id = (this.#id += 1);
    return { id, stream: await this.post({ id, method, params }) };
  }

  /** Sends a message to the next replica. */
  post(message: JsonObject): Promise<EventStream> {
    return this.#fetch('POST', { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  /** Opens a standing stream, or continues a lost one. */
  listen(lastEventId?: string): Promise<EventStream> {
    return this.#fetch('GET', { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) });
  }

  async #fetch(method: string, headers: Record<string, string>, body?: string): Promise<EventStream> {
    const abort = new AbortController();
    const url = this.urls[(this.#turn += 1) % this.urls.length]!;
    const session: Record<string, string> = this.session === '' ? {} : { 'mcp-session-id': this.session };
    return new EventStream(
      await fetch(url, { method, headers: { ...headers, ...this.headers, ...session }, signal: abort.signal, ...(body === undefined ? {} : { body }) }),
      abort,
    );
  }
}

/** What a tool of AskingServer got from the client. */
export function valueIn(answer: JsonObject): JsonObject {
  const { content } = answer['result'] as { content: { text: string }[] };
  return JSON.parse(content[0]!.text) as JsonObject;
}
