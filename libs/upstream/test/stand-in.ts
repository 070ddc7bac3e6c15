import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

export interface Received {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  /** The parsed body of a POST. */
  readonly message: JsonObject | undefined;
}

export interface StandIn {
  readonly url: string;
  readonly port: number;
  /** Everything that arrived, in order. */
  readonly received: Received[];
  close(): Promise<void>;
}

export type Behaviour = (message: JsonObject, response: ServerResponse, request: IncomingMessage) => void;

export function answerJson(response: ServerResponse, message: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(message));
}

export function answerHandshake(
  message: JsonObject,
  response: ServerResponse,
  protocolVersion: string = '2025-11-25',
  headers: Record<string, string> = { 'mcp-session-id': 'session-1' },
): boolean {
  if (message['method'] === 'server/discover') {
    answerJson(response, { jsonrpc: '2.0', id: message['id'], error: { code: -32601, message: 'Method not found' } });
    return true;
  }
  if (message['method'] === 'initialize') {
    answerJson(
      response,
      { jsonrpc: '2.0', id: message['id'], result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stand-in', version: '1', nested: { unknown: true } } } },
      headers,
    );
    return true;
  }
  if (!('id' in message)) {
    response.writeHead(202).end();
    return true;
  }
  return false;
}

/** A server that shakes hands properly and then does what the test wants. */
export async function startStandIn(onRequest: Behaviour, onGet?: (request: IncomingMessage, response: ServerResponse) => void): Promise<StandIn> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const message = text === '' ? undefined : (JSON.parse(text) as JsonObject);
      // A server of the legacy era is asked for the modern one first. That is tested where it matters.
      if (message?.['method'] !== 'server/discover') received.push({ method: request.method!, headers: request.headers, message });
      if (request.method === 'GET' && onGet) return onGet(request, response);
      if (!message) return void response.writeHead(request.method === 'GET' ? 405 : 200).end();
      if (!answerHandshake(message, response)) onRequest(message, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    received,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Polls until the value is there; fails loudly instead of waiting for ever. */
export async function eventually<T>(look: () => T | undefined | false, what: string, timeout_ms = 5_000): Promise<T> {
  const end = performance.now() + timeout_ms;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`${what} did not happen within ${timeout_ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
