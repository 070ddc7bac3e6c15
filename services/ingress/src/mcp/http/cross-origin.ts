import type { IncomingMessage, ServerResponse } from 'node:http';

const allowedHeaders = 'authorization, content-type, accept, mcp-session-id, mcp-protocol-version, last-event-id';

/** Lets a web page read the answers, once its origin was found to be permitted. */
export function permitOrigin(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', 'mcp-session-id, www-authenticate');
  response.setHeader('vary', 'origin');
}

/** The browser asks before it sends the page's request. It sends no token with the question. */
export function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, { 'access-control-allow-methods': 'POST, GET, DELETE', 'access-control-allow-headers': allowedHeaders, 'access-control-max-age': '600' }).end();
}
