import { connect } from 'node:net';

/** One HTTP answer, read without a library: what it is must not depend on the good will of a parser. */
export interface WireAnswer {
  /** Undefined when none came in time, or the connection ended without one. */
  readonly status: number | undefined;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** All of it, head included. */
  readonly text: string;
}

/** How long an answer may take. It is generous: nothing here measures speed. */
const deadline_ms = 15_000;
/** A stream of events may be a standing one, which has no end. */
const stream_ms = 250;

/** Sends bytes in these pieces over a connection of its own, and reads the answer until the server ends it. */
export function send(port: number, pieces: readonly Buffer[]): Promise<WireAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    let timer = setTimeout(finish, deadline_ms);
    let standing = false;
    function finish(): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(read(Buffer.concat(chunks).toString('utf8')));
    }
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (standing || !/^content-type: text\/event-stream/im.test(Buffer.concat(chunks).toString('latin1'))) return;
      standing = true;
      clearTimeout(timer);
      timer = setTimeout(finish, stream_ms);
    });
    // It may refuse a request before all of it was sent.
    socket.on('error', () => undefined);
    socket.once('close', finish);
    socket.once('connect', () => void writeAll(pieces));
    async function writeAll(rest: readonly Buffer[]): Promise<void> {
      for (const piece of rest) {
        if (socket.destroyed) return;
        socket.write(piece);
        if (rest.length > 1) await new Promise((next) => setImmediate(next));
      }
    }
  });
}

function read(text: string): WireAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1];
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const rest = end < 0 ? '' : text.slice(end + 4);
  if (status === '100') return read(rest);
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(Buffer.from(rest)) : rest;
  return { status: status === undefined ? undefined : Number(status), headers, body, text };
}

function unchunked(bytes: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const line = bytes.indexOf('\r\n', at);
    const size = line < 0 ? 0 : Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts).toString('utf8');
}
