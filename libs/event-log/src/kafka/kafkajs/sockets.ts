import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Kafka's number of a produce request; it stands after the four bytes of length. */
const produceKey = 0;

/**
 * The sockets of one kafkajs client. The library does not tell whether a failed send had left the process (an error of the
 * metadata refresh that follows replaces the first one), and that decides between refused and indeterminate; so the socket
 * is asked. It also lets a client be ended that waits for a broker which does not answer.
 */
export class Sockets {
  private readonly open = new Set<Socket>();
  /** Set by the first byte of a produce request. */
  produceBegan = false;

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl ? connectTls({ host, port, ...servername, ...ssl }, onConnect) : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true);
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    const write = socket.write.bind(socket) as (...parameters: unknown[]) => boolean;
    socket.write = ((...parameters: unknown[]) => {
      const [chunk] = parameters;
      if (Buffer.isBuffer(chunk) && chunk.length >= 6 && chunk.readInt16BE(4) === produceKey) this.produceBegan = true;
      return write(...parameters);
    }) as typeof socket.write;
    return socket;
  };

  /** Ends them at once. Requests in flight fail; late ones are never sent. */
  cut(): void {
    // With an error, because this library does not listen for a close, and would wait for its answers.
    for (const socket of this.open) socket.destroy(new Error('the connection was given up'));
  }
}
