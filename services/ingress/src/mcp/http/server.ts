import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { acceptedBy, protocolHeader, sessionHeader } from '@customhouse/mcp-wire/headers';
import { errorText } from '@customhouse/mcp-wire/messages';
import { isModern } from '@customhouse/mcp-wire/modern-request';
import { modernRevisions } from '@customhouse/mcp-wire/revisions';
import type { IngressSettings } from '../../config.js';
import type { IngressMetrics } from '../../metrics.js';
import { everything, type Endpoint } from '../../state/endpoint.js';
import { acceptHead, acceptPost, acceptRevision, BodyBudget, parseBody, receiveBody, type AcceptLimits } from './accept.js';
import type { Caller } from '../caller.js';
import { answerPreflight, permitOrigin } from './cross-origin.js';
import type { LegacyEra } from '../eras/legacy.js';
import type { Listeners } from '../eras/listeners.js';
import type { ModernEra } from '../eras/modern.js';
import { ssePath, type SseClients } from '../eras/sse.js';
import { Exchange } from './exchange.js';
import { Failure, HttpFailure } from '../failure.js';
import { networkOf } from './network.js';
import type { Subnets } from '@customhouse/policy-engine/subnets';
import { identify, type Identification } from '../identify.js';
import { noticesPath, type Peers } from '../sessions/peers.js';
import type { Resumptions } from '../sessions/resumptions.js';
import type { Sessions } from '../sessions/sessions.js';
import type { StandingStreams } from '../sessions/standing-streams.js';
import { refuseUnreadable } from './unreadable.js';

export interface ServerTools {
  readonly settings: IngressSettings;
  readonly limits: AcceptLimits;
  /** Proxies that are believed where a request comes from. */
  readonly trusted: Subnets;
  readonly identification: Identification;
  readonly legacy: LegacyEra;
  readonly modern: ModernEra;
  readonly sse: SseClients;
  readonly sessions: Sessions;
  readonly streams: StandingStreams;
  readonly listeners: Listeners;
  readonly peers: Peers;
  readonly resumptions: Resumptions;
  /** Nothing is for the client of this session any more. */
  onSessionEnded(session: string): void;
  /** Whether a server of this name is registered: its pass-through endpoint exists then. */
  isServer(name: string): boolean;
  isToolset(name: string): boolean;
  readonly metrics: IngressMetrics;
  readonly logger: Logger;
}

/** The address is taken, or not ours. The message says which setting to change. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
}

const passThrough = /^\/servers\/([a-z0-9-]{1,32})\/mcp$/;
const ofToolset = /^\/mcp\/([a-z0-9-]{1,32})$/;
/** How often exchanges that take long are looked at: one timer for all. */
const tick_ms = 1_000;

/** The MCP endpoint: plain `node:http`, with the stages of a call behind it. */
export class McpServer {
  readonly #server: Server;
  /** Exchanges whose answer is on its way, in the order they came. */
  readonly #exchanges = new Set<Exchange>();
  readonly #ticker: NodeJS.Timeout;
  readonly #bodies: BodyBudget;
  /** By connection, the answer to its latest request. */
  readonly #answers = new WeakMap<Socket, ServerResponse>();
  #url = '';

  constructor(private readonly tools: ServerTools) {
    const { settings } = tools;
    this.#bodies = new BodyBudget(settings.bodiesBytes);
    this.#server = createServer(
      {
        maxHeaderSize: settings.headerBytes,
        headersTimeout: settings.headerTimeout_ms,
        requestTimeout: settings.bodyTimeout_ms,
        keepAliveTimeout: settings.idleTimeout_ms,
        connectionsCheckingInterval: Math.min(1_000, settings.headerTimeout_ms),
        noDelay: true,
        // A second Host or Authorization is seen, and refused, rather than dropped: a proxy before us may have read that one.
        joinDuplicateHeaders: true,
        // Checked by `acceptHead`, which says what is missing.
        requireHostHeader: false,
      },
      (request, response) => {
        this.#answers.set(request.socket, response);
        void this.#handle(request, response);
      },
    );
    this.#server.maxConnections = settings.connections;
    // A client that takes nothing of its answer would otherwise keep it in memory for ever. Streams show signs of life much more often.
    this.#server.setTimeout(settings.callTimeout_ms + 60_000);
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const answer = this.#answers.get(socket);
      const rule = refuseUnreadable(error, socket, answer !== undefined && answer.headersSent && !answer.writableFinished);
      if (rule !== undefined) tools.metrics.failures.inc({ rule });
    });
    this.#server.on('drop', () => tools.metrics.connectionsRefused.inc());
    this.#ticker = setInterval(() => this.#tick(performance.now()), tick_ms);
    this.#ticker.unref();
  }

  /** `http://127.0.0.1:8400/mcp`, once it listens. */
  get url(): string {
    return this.#url;
  }

  /** Rejects with CannotListen. */
  async listen(): Promise<void> {
    const { host, port } = this.tools.settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)));
      this.#server.listen(port, host, () => resolve());
    });
    this.#server.on('error', (error) => this.tools.logger.error({ error }, 'the MCP endpoint failed'));
    const address = this.#server.address() as AddressInfo;
    this.#url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}/mcp`;
  }

  /** Takes no new connections; requests on open ones are still served. */
  stopListening(): void {
    this.#server.close();
    this.tools.streams.close();
    this.tools.listeners.close();
    this.tools.resumptions.close();
  }

  /** Ends what is left. */
  close(): void {
    clearInterval(this.#ticker);
    // Until now they were needed for the answers to calls in flight.
    this.tools.sse.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#serve(request, response);
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === noticesPath && request.method === 'POST') return this.#notices(request, response);
    const path = pathOf(request.url ?? '');
    const sse = ssePath(path);
    const at = sse !== undefined && 'messages' in sse ? undefined : this.#endpoint(sse?.endpoint ?? path);
    acceptHead(request, this.tools.limits);
    permitOrigin(request, response);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) return answerPreflight(response);
    const known = identify(request, this.tools.identification);
    const caller = known instanceof Promise ? await known : known;
    if (at === undefined) return this.#postToStream(request, response, caller, (sse as { readonly messages: string }).messages);
    if (sse !== undefined) return this.#openStream(request, response, caller, at);
    switch (request.method) {
      case 'POST':
        return this.#post(request, response, caller, at);
      case 'GET':
        return this.#get(request, response, caller, at);
      case 'DELETE':
        return this.#delete(request, response, caller, at);
      default:
        throw new HttpFailure(405, 'method-not-allowed', 'this endpoint takes POST, GET and DELETE', { allow: 'POST, GET, DELETE' });
    }
  }

  #endpoint(path: string): Endpoint {
    if (path === '/mcp') return everything;
    const server = passThrough.exec(path)?.[1];
    if (server !== undefined && this.tools.isServer(server)) return { server, toolset: null };
    const toolset = ofToolset.exec(path)?.[1];
    if (toolset !== undefined && this.tools.isToolset(toolset)) return { server: null, toolset };
    const problem = server !== undefined ? `there is no server "${server}"` : toolset !== undefined ? `there is no toolset "${toolset}"` : undefined;
    throw new HttpFailure(
      404,
      'unknown-path',
      problem ?? 'MCP is served at /mcp, /mcp/TOOLSET and /servers/NAME/mcp; clients of 2024-11-05 begin at /sse, /sse/TOOLSET and /servers/NAME/sse',
    );
  }

  async #post(request: IncomingMessage, response: ServerResponse, caller: Caller, at: Endpoint): Promise<void> {
    const { limits } = this.tools;
    const accepts = acceptPost(request, limits);
    const message = parseBody(await receiveBody(request, response, limits, this.#bodies), limits);
    const exchange = new Exchange(request, response, accepts, performance.now());
    this.#exchanges.add(exchange);
    response.once('close', () => this.#exchanges.delete(exchange));
    const posted = { exchange, caller, at, network: networkOf(request, this.tools.trusted) };
    const revision = request.headers[protocolHeader];
    if (isModern(message, typeof revision === 'string' ? revision : undefined)) return this.tools.modern.post(message, posted);
    acceptRevision(request);
    this.tools.legacy.post(message, posted);
  }

  #get(request: IncomingMessage, response: ServerResponse, caller: Caller, at: Endpoint): void {
    acceptSessionMethod(request);
    if (!acceptedBy(request.headers.accept).stream) throw new HttpFailure(406, 'not-acceptable', 'this is a stream: accept text/event-stream');
    const session = this.tools.legacy.session(request.headers[sessionHeader], caller, at);
    const lastEventId = request.headers['last-event-id'];
    if (typeof lastEventId === 'string' && this.tools.resumptions.open(response, lastEventId, caller, session)) return;
    this.tools.streams.open(response, caller, session);
  }

  #openStream(request: IncomingMessage, response: ServerResponse, caller: Caller, at: Endpoint): void {
    if (request.method !== 'GET')
      throw new HttpFailure(405, 'method-not-allowed', 'this is a stream of events: GET it, and send messages to where its first event says', { allow: 'GET' });
    if (!acceptedBy(request.headers.accept).stream) throw new HttpFailure(406, 'not-acceptable', 'this is a stream: accept text/event-stream');
    this.tools.sse.open(response, caller, at);
  }

  async #postToStream(request: IncomingMessage, response: ServerResponse, caller: Caller, token: string): Promise<void> {
    if (request.method !== 'POST') throw new HttpFailure(405, 'method-not-allowed', 'messages are sent here with POST', { allow: 'POST' });
    const { limits } = this.tools;
    acceptPost(request, limits);
    acceptRevision(request);
    const message = parseBody(await receiveBody(request, response, limits, this.#bodies), limits);
    this.tools.sse.post(token, message, request, response, caller, networkOf(request, this.tools.trusted));
  }

  /** Another replica has something for clients whose standing streams may be here. */
  async #notices(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { limits, peers, streams } = this.tools;
    const told = peers.told(request, await receiveBody(request, response, limits, this.#bodies), Date.now());
    if (told === undefined) throw new HttpFailure(403, 'forbidden', 'only replicas of this gateway may say that');
    for (const session of told.sessions) streams.tell(session, told.notification);
    response.writeHead(204).end();
  }

  #delete(request: IncomingMessage, response: ServerResponse, caller: Caller, at: Endpoint): void {
    acceptSessionMethod(request);
    const session = this.tools.legacy.session(request.headers[sessionHeader], caller, at);
    this.tools.sessions.end(session);
    this.tools.onSessionEnded(session.id);
    this.tools.peers.spread(request, undefined);
    response.writeHead(204).end();
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const failure = error instanceof HttpFailure ? error : this.#fault(error);
    this.tools.metrics.failures.inc({ rule: failure.rule });
    if (response.headersSent || response.destroyed) return void response.destroy();
    const text = errorText(null, failure.rule, failure.message, failure.data);
    const headers: Record<string, string> = { 'content-type': 'application/json', ...failure.headers };
    headers['content-length'] = String(Buffer.byteLength(text));
    if (request.complete || !isLong(request)) return void response.writeHead(failure.status, headers).end(text);
    response.writeHead(failure.status, { ...headers, connection: 'close' }).write(text);
    discardRest(request, () => response.end());
  }

  #fault(error: unknown): HttpFailure {
    if (error instanceof Failure) return new HttpFailure(500, error.rule, error.message);
    this.tools.logger.error({ error }, 'a request failed by a fault of the gateway');
    return new HttpFailure(500, 'internal-error', 'the gateway failed; its log says why');
  }

  #tick(now: number): void {
    const { streamAfter_ms, keepAlive_ms } = this.tools.settings;
    for (const exchange of this.#exchanges) {
      // In the order they came: the rest is younger.
      if (now - exchange.started < streamAfter_ms) break;
      exchange.keepAlive(now, keepAlive_ms);
    }
    this.tools.streams.tick(now);
    this.tools.listeners.tick(now);
    this.tools.sse.tick(now);
    this.tools.resumptions.tick(now);
  }
}

/** GET and DELETE are for sessions, which the modern era does not have. Throws HttpFailure. */
function acceptSessionMethod(request: IncomingMessage): void {
  const revision = request.headers[protocolHeader];
  if (typeof revision === 'string' && modernRevisions.includes(revision))
    throw new HttpFailure(405, 'method-not-allowed', `requests of revision ${revision} are sent with POST`, { allow: 'POST' });
  acceptRevision(request);
}

/** To use the connection again, what is left of the body would have to be read. */
function isLong({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 65_536;
}

const discard = { bytes: 16 * 2 ** 20, ms: 2_000 };

/**
 * A connection that is closed with unread bytes is reset, and its client may never see the answer. So what still comes is thrown away
 * for a moment, within limits, before `close` is called.
 */
function discardRest(request: IncomingMessage, close: () => void): void {
  let left = discard.bytes;
  const timer = setTimeout(finish, discard.ms);
  function finish(): void {
    clearTimeout(timer);
    request.removeAllListeners('data');
    request.pause();
    close();
  }
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish();
  });
  request.once('end', finish);
  request.once('close', finish);
  request.resume();
}

/** A query says nothing here, and no token is ever read from one. */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): CannotListen {
  if (error.code === 'EADDRINUSE')
    return new CannotListen(
      `the MCP endpoint cannot listen: port ${port} on ${host} is in use. End what uses it, or set CUSTOMHOUSE_INGRESS_PORT to another port (0 takes any free one).`,
    );
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new CannotListen(`the MCP endpoint cannot listen: this machine has no address ${host}. Set CUSTOMHOUSE_INGRESS_HOST to one that it has.`);
  if (error.code === 'EACCES')
    return new CannotListen(`the MCP endpoint cannot listen on port ${port}: the system does not let this user. Set CUSTOMHOUSE_INGRESS_PORT to 1024 or above.`);
  return new CannotListen(`the MCP endpoint cannot listen on ${host}:${port}: ${error.message}`);
}
