import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorRule } from '@customhouse/mcp-wire/errors';
import { errorText } from '@customhouse/mcp-wire/messages';

interface Answer {
  readonly status: number;
  readonly rule: ErrorRule;
  readonly message: string;
}

/** What the HTTP parser said, by Node's code for it; everything else is no HTTP. */
function answerTo(code: string | undefined): Answer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, rule: 'header-too-large', message: 'the head of the request is longer than CUSTOMHOUSE_INGRESS_HEADER_BYTES' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, rule: 'body-too-large', message: 'the chunks of the body say too much about themselves' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, rule: 'request-incomplete', message: 'the request did not arrive in time' };
    default:
      return { status: 400, rule: 'malformed-http', message: 'this is no request of HTTP/1.1' };
  }
}

/**
 * Says what was wrong with bytes that never became a request, and ends the connection. `answering`: an answer to an earlier request is
 * on its way, and whatever was written into it would be taken for a part of it.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket, answering: boolean): ErrorRule | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy();
    return undefined;
  }
  const { status, rule, message } = answerTo(error.code);
  const body = errorText(null, rule, message);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
  return rule;
}
