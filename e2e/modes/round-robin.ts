import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A plain balancer: each request goes to the next backend, whoever sends it. One that does not listen is skipped. It shares no code with the gateway. */
export class RoundRobin {
  /** Origins. */
  backends: readonly string[] = [];
  /** To which backend each request with this header went, by the value of the header. */
  readonly marked = new Map<string, string>();
  private readonly server: Server;
  private turn = 0;

  private constructor() {
    this.server = createServer((request, response) => this.pass(request, response, this.backends.length));
  }

  static async start(): Promise<RoundRobin> {
    const self = new RoundRobin();
    self.server.listen(0, '127.0.0.1');
    await once(self.server, 'listening');
    return self;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(request: IncomingMessage, response: ServerResponse, tries: number): void {
    const backend = this.backends[(this.turn += 1) % this.backends.length]!;
    const mark = request.headers['x-mark'];
    if (typeof mark === 'string') this.marked.set(mark, backend);
    const { hostname, port } = new URL(backend);
    const passed = send({ hostname, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    passed.once('error', (error: NodeJS.ErrnoException) => {
      // Nothing was sent yet, so the next one may have it.
      if (error.code === 'ECONNREFUSED' && tries > 1) return this.pass(request, response, tries - 1);
      response.destroy();
    });
    response.once('close', () => passed.destroy());
    const body = bodies.get(request) ?? collect(request);
    void body.then((bytes) => passed.end(bytes));
  }
}

/** Bodies are kept whole, so that a request can be sent again. */
const bodies = new WeakMap<IncomingMessage, Promise<Buffer>>();

function collect(request: IncomingMessage): Promise<Buffer> {
  const body = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  })();
  bodies.set(request, body);
  return body;
}
