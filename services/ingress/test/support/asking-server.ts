import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@customhouse/events/registry/events';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';

const inputSchema = { type: 'object' };
/** What `visit` wants before every second call. */
export const visit = { mode: 'url', message: 'Log in', url: 'https://example.com/login', elicitationId: 'e1' };
const tools = ['ask', 'ask_many', 'tell', 'wait', 'abandon', 'visit', 'later'].map((name) => ({ name, inputSchema }));

/**
 * An MCP server (2025-11-25, Streamable HTTP) whose tools turn to the client. `ask` sends the request in its arguments and answers with what
 * came back, `ask_many` does so many times at once; `tell` sends the notifications in its arguments; `wait` answers when the test says so; `abandon` asks, and cancels that; `later` ends its stream
 * and answers whoever comes back for the rest.
 */
export class AskingServer {
  /** Calls of `visit`. */
  visits = 0;
  /** Params of each `initialize`. */
  readonly initialized: JsonObject[] = [];
  /** Notifications of clients, in order. */
  readonly notifications: JsonObject[] = [];
  /** Answers to requests of this server, in order. */
  readonly answers: JsonObject[] = [];
  readonly #standing = new Set<ServerResponse>();
  readonly #waiting = new Map<string, (answer: JsonObject) => void>();
  readonly #releases: (() => void)[] = [];
  /** Answers of `later`, by the id of the event that was its last. */
  readonly #kept = new Map<string, string>();
  #server!: Server;
  #count = 0;

  static async start(): Promise<AskingServer> {
    const made = new AskingServer();
    made.#server = createServer((request, response) => made.#serve(request, response));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get transport(): Transport {
    return { kind: 'http', url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp` };
  }

  get standing(): number {
    return this.#standing.size;
  }

  /** Calls of `wait` that have no answer yet. */
  get held(): number {
    return this.#releases.length;
  }

  /** Lets the calls of `wait` end. */
  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  /** Says something on all standing streams. */
  announce(method: string, params: JsonObject): void {
    for (const stream of this.#standing) stream.write(event({ jsonrpc: '2.0', method, params }));
  }

  /** Asks the client of the latest session something on its standing stream, outside of any call. */
  demand(method: string, params: JsonObject): void {
    [...this.#standing].at(-1)!.write(event({ jsonrpc: '2.0', id: `up-${(this.#count += 1)}`, method, params }));
  }

  async close(): Promise<void> {
    this.release();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const kept = this.#kept.get(String(request.headers['last-event-id']));
    if (kept !== undefined) return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(kept);
    if (request.method === 'GET') return this.#stand(response);
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#take(JSON.parse(Buffer.concat(chunks).toString()) as JsonObject, response));
  }

  #stand(response: ServerResponse): void {
    this.#standing.add(response);
    response.once('close', () => this.#standing.delete(response));
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  }

  #take(message: JsonObject, response: ServerResponse): void {
    const { id, method } = message;
    const params = isJsonObject(message['params']) ? message['params'] : {};
    if (method === undefined) {
      this.answers.push(message);
      this.#waiting.get(String(id))?.(message);
      return void response.writeHead(202).end();
    }
    if (id === undefined) {
      this.notifications.push(message);
      return void response.writeHead(202).end();
    }
    const reply = (result: JsonObject, headers = {}): void =>
      void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    switch (method) {
      case 'initialize': {
        this.initialized.push(params);
        const capabilities = { tools: {}, logging: {}, resources: { subscribe: true } };
        return reply({ protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'asking', version: '1' } }, { 'mcp-session-id': `s${(this.#count += 1)}` });
      }
      case 'tools/list':
        return reply({ tools });
      case 'resources/list':
        return reply({ resources: ['test://a', 'test://b', 'test://c'].map((uri) => ({ uri, name: uri })) });
      case 'resources/templates/list':
        return reply({ resourceTemplates: [] });
      case 'prompts/list':
        return reply({ prompts: [] });
      case 'tools/call':
        if (params['name'] === 'visit' && (this.visits += 1) % 2 === 1)
          return void response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32042, message: 'log in first', data: { elicitations: [visit] } } }));
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        if (params['name'] === 'later') {
          const last = `e-${(this.#count += 1)}`;
          this.#kept.set(last, event({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: '{"late":true}' }] } }));
          return void response.end(`id: ${last}\nretry: 100\ndata: \n\n`);
        }
        void this.#call(params, response).then((value) => response.end(event({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: JSON.stringify(value) }] } })));
        return;
      default:
        return reply({});
    }
  }

  async #call(params: JsonObject, stream: ServerResponse): Promise<JsonObject> {
    const args = params['arguments'] as JsonObject;
    switch (params['name']) {
      case 'ask':
        return this.#ask(args, stream);
      case 'ask_many':
        return { answers: await Promise.all(Array.from({ length: Number(args['count']) }, () => this.#ask(args['request'] as JsonObject, stream))) };
      case 'tell':
        for (const message of args['messages'] as JsonObject[]) stream.write(event({ jsonrpc: '2.0', ...message }));
        return {};
      case 'visit':
        return { visited: true };
      case 'abandon': {
        const answer = this.#ask(args, stream);
        await new Promise<void>((resolve) => this.#releases.push(resolve));
        stream.write(event({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `up-${this.#count}`, reason: 'changed my mind' } }));
        void answer;
        return { abandoned: true };
      }
      default:
        stream.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'waiting' } }));
        await new Promise<void>((resolve) => this.#releases.push(resolve));
        return { waited: true };
    }
  }

  #ask(request: JsonObject, stream: ServerResponse): Promise<JsonObject> {
    const id = `up-${(this.#count += 1)}`;
    return new Promise((resolve) => {
      this.#waiting.set(id, ({ result, error }) => resolve(result === undefined ? { error: error! } : { result }));
      stream.write(event({ jsonrpc: '2.0', id, ...request }));
    });
  }
}

function event(message: JsonObject): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
