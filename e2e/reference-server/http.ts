import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostHeaderValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import type { McpServer } from '@modelcontextprotocol/server';
import { createMcpHandler, isLegacyRequest, localhostAllowedHostnames, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { Replay } from './replay.js';
import { Reference } from './server.js';
import { Tasks } from './tasks.js';

/** Which revisions are served: `modern` is 2026-07-28, `legacy` everything before it. */
export type Eras = 'both' | 'modern' | 'legacy';

/** The reference server on HTTP: both eras at one endpoint, unless it is made to know only one. */
export class ReferenceServer {
  private readonly reference = new Reference();
  private readonly tasks = new Tasks();
  private readonly sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  private readonly modern = createMcpHandler(this.reference.create, { legacy: 'reject', bus: this.reference.bus });
  private readonly server: Server;

  private constructor(
    private readonly eras: Eras,
    hosts: readonly string[],
  ) {
    const handle = toNodeHandler({ fetch: (request) => this.serve(request) });
    const guards = [hostHeaderValidation([...localhostAllowedHostnames(), ...hosts]), localhostOriginValidation()];
    this.server = createServer((request, response) => {
      if (!guards.every((guard) => guard(request, response))) return;
      if (request.url?.split('?')[0] === '/mcp') void handle(request, response);
      else response.writeHead(404).end();
    });
  }

  /** `reachableAs`: the name that this machine has where it is called from, when that is not this machine. */
  static async start(options: { port?: number; eras?: Eras; reachableAs?: string } = {}): Promise<ReferenceServer> {
    const { reachableAs } = options;
    const self = new ReferenceServer(options.eras ?? 'both', reachableAs === undefined ? [] : [reachableAs]);
    self.server.listen(options.port ?? 0, reachableAs === undefined ? '127.0.0.1' : '0.0.0.0');
    await once(self.server, 'listening');
    return self;
  }

  get url(): string {
    return this.urlAt('127.0.0.1');
  }

  urlAt(host: string): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}/mcp`;
  }

  async close(): Promise<void> {
    await this.modern.close();
    await Promise.all([...this.sessions.values()].map((transport) => transport.close()));
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async serve(request: Request): Promise<Response> {
    const legacy = this.eras !== 'modern' && (this.eras === 'legacy' || (await isLegacyRequest(request)));
    return (await this.tasks.answer(request, legacy)) ?? (legacy ? this.serveLegacy(request) : this.modern.fetch(request));
  }

  private async serveLegacy(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    const known = id === null ? undefined : this.sessions.get(id);
    if (known) return known.handleRequest(request);
    if (id !== null) return Response.json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, { status: 404 });
    return (await this.openSession()).handleRequest(request);
  }

  /** A transport that answers anything but `initialize` with an error is forgotten with its response. */
  private async openSession(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void this.sessions.set(id, transport),
      onsessionclosed: (id) => void this.sessions.delete(id),
      eventStore: new Replay(),
      retryInterval: 50,
    });
    const server = (await this.reference.create({ era: 'legacy' })) as McpServer;
    await server.connect(transport);
    return transport;
  }
}
