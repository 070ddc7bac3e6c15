import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@customhouse/events/registry/events';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';

export interface Received {
  readonly method: string;
  readonly params: JsonObject;
}

/** An MCP server (2025-11-25, Streamable HTTP) with prompts, resources, templates, completions and a log. It remembers what it was asked. */
export class LibraryServer {
  readonly received: Received[] = [];
  /** What is answered to a method instead, as the whole of the answer beside its id. */
  readonly answers = new Map<string, JsonObject>();
  readonly #standing = new Set<ServerResponse>();
  #server!: Server;

  /** `uris`: of the resources that it lists. */
  private constructor(
    readonly name: string,
    readonly uris: readonly string[],
  ) {}

  static async start(name: string, uris: readonly string[]): Promise<LibraryServer> {
    const made = new LibraryServer(name, uris);
    made.#server = createServer((request, response) => made.#serve(request, response));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get transport(): Transport {
    return { kind: 'http', url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp` };
  }

  of(method: string): JsonObject[] {
    return this.received.filter((one) => one.method === method).map((one) => one.params);
  }

  /** Says something on all standing streams. */
  announce(method: string, params: JsonObject): void {
    for (const stream of this.#standing) stream.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
  }

  get standing(): number {
    return this.#standing.size;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'GET') {
      this.#standing.add(response);
      response.once('close', () => this.#standing.delete(response));
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    }
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject;
      if (message['id'] === undefined) return void response.writeHead(202).end();
      const method = String(message['method']);
      const params = isJsonObject(message['params']) ? message['params'] : {};
      this.received.push({ method, params });
      const answer = this.answers.get(method) ?? { result: this.#result(method, params) };
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end(JSON.stringify({ jsonrpc: '2.0', id: message['id'], ...answer }));
    });
  }

  #result(method: string, params: JsonObject): JsonObject {
    switch (method) {
      case 'initialize':
        return {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} },
          serverInfo: { name: this.name, version: '1' },
        };
      case 'tools/list':
        return { tools: [{ name: 'link', inputSchema: { type: 'object' } }] };
      case 'prompts/list':
        return { prompts: [{ name: 'greet', description: 'Greets' }] };
      case 'resources/list':
        return { resources: this.uris.map((uri) => ({ uri, name: uri })) };
      case 'resources/templates/list':
        return { resourceTemplates: [{ uriTemplate: `${this.name}:///{id}`, name: 'one' }] };
      case 'tools/call':
        return { content: [{ type: 'resource_link', uri: String((params['arguments'] as JsonObject)['uri']), name: 'it' }] };
      case 'prompts/get':
        return { messages: [{ role: 'user', content: { type: 'text', text: `Hello from ${this.name}` } }], future: { kept: true } };
      case 'resources/read':
        return { contents: [{ uri: String(params['uri']), text: `text of ${this.name}`, mimeType: 'text/plain', future: 1 }] };
      case 'completion/complete':
        return { completion: { values: ['one', 'two'], hasMore: false } };
      default:
        return {};
    }
  }
}
