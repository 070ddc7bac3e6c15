import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

// Put together here, so that no scanner of repositories takes it for one.
export const credential = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');

/** What a tool does when it is called. `reply` answers with a result. */
type Behaviour = (call: { params: JsonObject; id: unknown; request: IncomingMessage; response: ServerResponse; reply: (result: JsonObject) => void }) => void;

const text = (value: string): JsonObject => ({ content: [{ type: 'text', text: value }] });

const behaviours: Record<string, Behaviour> = {
  echo: ({ params, reply }) => reply(text(String((params['arguments'] as JsonObject)['message']))),
  /** Never answers. */
  hang: () => undefined,
  /** Takes the call and breaks the connection. */
  die: ({ request }) => void request.socket.destroy(),
  garbage: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>not json</html>'),
  html: ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  wrong_id: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":999999,"result":{}}'),
  broken_result: ({ id, response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result: 'text' })),
  status_500: ({ response }) => void response.writeHead(500).end('no'),
  status_403: ({ response }) => void response.writeHead(403).end('no'),
  redirect: ({ response }) => void response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  compressed: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(Buffer.alloc(100)),
  huge: ({ reply }) => reply(text('x'.repeat(300_000))),
  endless: ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const more = setInterval(() => response.write(`: ${'y'.repeat(10_000)}\n\n`), 1);
    response.once('close', () => clearInterval(more));
  },
  deep: ({ id, response }) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${String(id)},"result":{"a":${'['.repeat(90_000)}${']'.repeat(90_000)}}}`),
  infinite_number: ({ id, response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${String(id)},"result":{"a":1e400}}`),
  error: ({ id, response }) =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32050, message: 'my own error', data: { x: 1 } } })),
  tool_error: ({ reply }) => reply({ ...text('it went wrong'), isError: true }),
  leak: ({ reply }) => reply(text(`the token is ${credential}`)),
  leak_in_error: ({ id, response }) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: 1, message: `bad token ${credential}` } })),
  unknown_fields: ({ reply }) => reply({ content: [{ type: 'hologram', future: { deep: [1, 2] } }], futureField: { kept: true }, _meta: { theirs: 1 } }),
  slow: ({ params, reply }) => void setTimeout(() => reply(text('slow')), Number((params['arguments'] as JsonObject)['ms'])),
};

export interface Received {
  readonly params: JsonObject;
  readonly headers: IncomingMessage['headers'];
}

/** An MCP server over Streamable HTTP whose tools misbehave as their names say. It remembers every call that reached it. */
export class MischievousServer {
  readonly calls: Received[] = [];
  readonly cancelled: JsonObject[] = [];
  readonly sessions = new Set<string>();
  #server!: Server;
  #session = 0;

  static async start(): Promise<MischievousServer> {
    const made = new MischievousServer();
    await made.listen();
    return made;
  }

  async listen(port = 0): Promise<void> {
    this.#server = createServer((request, response) => this.#serve(request, response));
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get transport(): Transport {
    return { kind: 'http', url: `http://127.0.0.1:${this.port}/mcp` };
  }

  callsOf(tool: string): Received[] {
    return this.calls.filter((call) => call.params['name'] === tool);
  }

  /** Forgets every session, as a restart would. */
  forgetSessions(): void {
    this.sessions.clear();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(JSON.parse(Buffer.concat(chunks).toString()) as JsonObject, request, response));
  }

  #answer(message: JsonObject, request: IncomingMessage, response: ServerResponse): void {
    const { id, method } = message;
    const send = (result: JsonObject, headers: Record<string, string> = {}): void =>
      void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    if (method === 'initialize') {
      const session = `s${(this.#session += 1)}`;
      this.sessions.add(session);
      return send(
        { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'mischievous', version: '1' }, instructions: 'be careful' },
        { 'mcp-session-id': session },
      );
    }
    if (!this.sessions.has(String(request.headers['mcp-session-id']))) return void response.writeHead(404).end();
    if (method === 'notifications/cancelled') this.cancelled.push(message['params'] as JsonObject);
    if (id === undefined) return void response.writeHead(202).end();
    if (method === 'tools/list') return send({ tools: Object.keys(behaviours).map((name) => ({ name, inputSchema: { type: 'object' } })) });
    if (method !== 'tools/call') return send({});
    const params = message['params'] as JsonObject;
    this.calls.push({ params, headers: request.headers });
    behaviours[String(params['name'])]!({ params, id, request, response, reply: send });
  }
}
