import { randomUUID } from 'node:crypto';
import type { Network } from '../http/network.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '@customhouse/kernel/canonical';
import { sessionHeader } from '@customhouse/mcp-wire/headers';
import { isJsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Endpoint } from '../../state/endpoint.js';
import type { Caller } from '../caller.js';
import { EventPart } from '../http/event-part.js';
import { Exchange } from '../http/exchange.js';
import { HttpFailure } from '../failure.js';
import { Peers } from '../sessions/peers.js';
import { SealedTokens } from '../sessions/sealed-tokens.js';
import type { Session, Sessions } from '../sessions/sessions.js';
import type { StandingStreams } from '../sessions/standing-streams.js';
import type { LegacyEra } from './legacy.js';

/** Where a message of an open stream goes: which stream, in which process. It is no credential; who sends it is looked at each time. */
interface Address {
  readonly stream: string;
  readonly peer: string | undefined;
}

interface Connection {
  readonly response: ServerResponse;
  readonly caller: Caller;
  readonly at: Endpoint;
  readonly opened: number;
  lastSign: number;
  sessionId: string | undefined;
  session: Session | undefined;
}

export interface SseLimits {
  readonly keepAlive_ms: number;
  /** Time for a client to begin with `initialize`. */
  readonly bodyTimeout_ms: number;
}

const streamPath = /^\/sse(\/[a-z0-9-]{1,32})?$/;
const serverStreamPath = /^(\/servers\/[a-z0-9-]{1,32})\/sse$/;
const messagesPath = /^\/messages\/([A-Za-z0-9_-]{1,1024})$/;

/** What a path of this transport stands for: the endpoint of Streamable HTTP at which the same is served, or a place for messages. */
export function ssePath(path: string): { readonly endpoint: string } | { readonly messages: string } | undefined {
  const messages = messagesPath.exec(path)?.[1];
  if (messages !== undefined) return { messages };
  const stream = streamPath.exec(path);
  if (stream) return { endpoint: `/mcp${stream[1] ?? ''}` };
  const server = serverStreamPath.exec(path)?.[1];
  return server === undefined ? undefined : { endpoint: `${server}/mcp` };
}

/** An exchange whose events are not asked for again: this transport has no resumption. */
class SseExchange extends Exchange {
  override identify(): void {}
}

/**
 * The transport of 2024-11-05: a stream of events on which everything is answered, and an address for messages, which the first event
 * names. Behind that it is the legacy era. The stream is the session: it lives in one process and ends with its connection.
 */
export class SseClients {
  readonly #connections = new Map<string, Connection>();
  readonly #addresses: SealedTokens<Address>;

  constructor(
    private readonly tools: {
      readonly legacy: LegacyEra;
      readonly sessions: Sessions;
      readonly streams: StandingStreams;
      readonly peers: Peers;
      readonly peerUrl: string | undefined;
    },
    private readonly limits: SseLimits,
    key: Uint8Array,
  ) {
    this.#addresses = new SealedTokens(key, 'sse');
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Opens a stream. Throws HttpFailure when the caller has too many. */
  open(response: ServerResponse, caller: Caller, at: Endpoint): void {
    this.tools.streams.enter(caller);
    const id = randomUUID();
    const now = performance.now();
    const connection: Connection = { response, caller, at, opened: now, lastSign: now, sessionId: undefined, session: undefined };
    this.#connections.set(id, connection);
    response.once('close', () => {
      this.#connections.delete(id);
      this.tools.streams.leave(caller);
      if (connection.session) this.tools.sessions.end(connection.session);
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.write(`event: endpoint\ndata: /messages/${this.#addresses.seal({ stream: id, peer: this.tools.peerUrl })}\n\n`);
  }

  /** Takes one message; its answer goes on the stream. Throws HttpFailure. */
  post(token: string, message: Json, request: IncomingMessage, response: ServerResponse, caller: Caller, network: Network): void {
    const address = this.#addresses.open(token);
    const connection = address && this.#connections.get(address.stream);
    if (connection === undefined) {
      const elsewhere = address?.peer !== this.tools.peerUrl && !Peers.isForwarded(request) ? address?.peer : undefined;
      if (elsewhere !== undefined) return this.tools.peers.forward(request, response, JSON.stringify(message), elsewhere);
    }
    if (connection === undefined || connection.caller.who !== caller.who)
      throw new HttpFailure(404, 'session-unknown', 'this stream of events has ended, or is not yours: open a new one with GET');
    const begins = isJsonObject(message) && message['method'] === 'initialize';
    if (begins && connection.sessionId !== undefined) throw new HttpFailure(400, 'invalid-request', 'this stream of events has its session already');
    // The legacy era reads from it which session the message belongs to.
    request.headers[sessionHeader] = connection.sessionId ?? '';
    const part = new EventPart(connection.response);
    const exchange = new SseExchange(request, part.asResponse, { json: false, stream: true, streamFirst: true }, performance.now());
    this.tools.legacy.post(message, { exchange, caller, at: connection.at, network });
    response.writeHead(202, { 'content-type': 'text/plain' }).end('Accepted');
    if (begins) this.#begin(connection, part.getHeader(sessionHeader));
  }

  tick(now: number): void {
    for (const { response, session, opened } of this.#connections.values()) {
      if (session === undefined && now - opened > this.limits.bodyTimeout_ms) response.end();
    }
    for (const connection of this.#connections.values()) {
      // Afterwards the standing stream sees to it.
      if (connection.session !== undefined || now - connection.lastSign < this.limits.keepAlive_ms) continue;
      connection.lastSign = now;
      connection.response.write(': waiting\n\n');
    }
  }

  close(): void {
    for (const { response } of this.#connections.values()) response.end();
  }

  /** The session is open: what belongs to no call is told on the same stream. */
  #begin(connection: Connection, sessionId: string | undefined): void {
    // Without one initialize was refused, and the client may try again.
    if (sessionId === undefined) return;
    connection.sessionId = sessionId;
    connection.session = this.tools.legacy.session(sessionId, connection.caller, connection.at);
    const part = new EventPart(connection.response);
    // A client that does not read loses its stream, and with it everything.
    part.once('close', () => {
      if (!part.writableFinished) connection.response.destroy();
    });
    try {
      this.tools.streams.open(part.asResponse, connection.caller, connection.session);
    } catch (error) {
      connection.response.end();
      throw error;
    }
  }
}
