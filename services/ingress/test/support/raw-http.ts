import { connect, type Socket } from 'node:net';

/** What a server does with bytes that no HTTP library would send. */
export interface RawAnswer {
  readonly text: string;
  /** Status of the first answer; undefined when there was none. */
  readonly status: number | undefined;
  /** The server ended the connection. */
  readonly ended: boolean;
}

/** Sends bytes over a plain connection and waits until the server ends it, or for so long. */
export async function sendRaw(port: number, chunks: readonly (string | Buffer)[], wait_ms = 2_000, pause_ms = 0): Promise<RawAnswer> {
  const socket: Socket = connect(port, '127.0.0.1');
  let text = '';
  let ended = false;
  socket.on('data', (data) => (text += data.toString('latin1')));
  const over = new Promise<void>((resolve) => {
    socket.once('close', () => {
      ended = true;
      resolve();
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  for (const chunk of chunks) {
    if (ended) break;
    socket.write(chunk);
    if (pause_ms > 0) await new Promise((resolve) => setTimeout(resolve, pause_ms));
  }
  await Promise.race([over, new Promise((resolve) => setTimeout(resolve, wait_ms))]);
  const closed = ended;
  socket.destroy();
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  return { text, status: status === undefined ? undefined : Number(status), ended: closed };
}

/** A POST as text, with a body of this length. */
export function post(body: string, headers: Record<string, string> = {}): string {
  const all = {
    host: 'localhost',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  return `POST /mcp HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`;
}
