import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What the proxy does with bytes. */
export type ProxyMode =
  | 'pass'
  /** Requests arrive; no answer comes back, and the connections stay. */
  | 'drop-answers'
  /** Requests arrive; the connection ends instead of an answer. */
  | 'cut-answers';

/** Stands between a client and its engine, to lose answers. */
export class TcpProxy {
  mode: ProxyMode = 'pass';
  private readonly sockets = new Set<Socket>();
  private target: { readonly host: string; readonly port: number } | undefined;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server);
    server.on('connection', (client) => proxy.relay(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Where to: `host:port`. The engine may need to know our address before it has one. */
  aimAt(address: string): void {
    const [host, port] = address.split(':');
    this.target = { host: host!, port: Number(port) };
  }

  /** Ends all connections, as a network does that comes back. */
  cutAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private relay(client: Socket): void {
    const upstream = connect(this.target!.port, this.target!.host);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      // Either side may vanish at any time: that is what this is for.
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (this.mode === 'pass') client.write(bytes);
      else if (this.mode === 'cut-answers') client.destroy();
    });
  }
}
