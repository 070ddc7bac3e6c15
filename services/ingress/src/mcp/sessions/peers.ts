import { createHmac, timingSafeEqual } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { request as httpRequest, Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import type { Logger } from 'pino';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { errorText } from '@customhouse/mcp-wire/messages';

/** A request that comes from another replica: it is answered here or nowhere. */
const forwardedHeader = 'customhouse-forwarded';
/** Proves that what is said about sessions comes from a replica of this installation. */
const sealHeader = 'customhouse-peer';
/** Where replicas tell each other what their clients have to hear. */
export const noticesPath = '/peers/notices';

export interface PeerOptions {
  /** At which other replicas reach this process, for example `http://10.1.2.3:8400`. */
  readonly self: string | undefined;
  /** All replicas; a name stands for all its addresses. This process may be one of them. */
  readonly peers: readonly string[];
  /** Time for another replica to answer with headers. */
  readonly timeout_ms: number;
  /** 32 bytes, the same in every replica. */
  readonly key: Uint8Array;
  readonly logger: Logger;
}

/** What is not passed on: it belongs to the connection, or was looked at here already. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  forwardedHeader,
  sealHeader,
]);
const answerHeaders = ['content-type', 'cache-control', 'mcp-session-id', 'retry-after', 'x-accel-buffering', 'www-authenticate'];

/** How far the clocks of replicas may differ. */
const clock_ms = 60_000;

/**
 * The other replicas of the ingress. What lives in one process (a client that is asked something, a call that can be cancelled, a standing
 * stream) is reached from all of them: a client's request is forwarded whole, with the client's own credentials, and at most once.
 */
export class Peers {
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new HttpsAgent({ keepAlive: true });

  constructor(private readonly options: PeerOptions) {}

  /** Whether the request was forwarded once already. */
  static isForwarded(request: IncomingMessage): boolean {
    return request.headers[forwardedHeader] !== undefined;
  }

  /** Lets another replica answer a request, whose body was read already. `url` comes out of something that was sealed here. */
  forward(request: IncomingMessage, response: ServerResponse, body: string | undefined, url: string): void {
    if (Peers.isForwarded(request)) return unreachable(response, 'the request was forwarded once already');
    const target = new URL(request.url ?? '/', url);
    const sent = this.#send(target, target.hostname, request.method ?? 'POST', forwardable(request.headers), body, (answer) => {
      sent.setTimeout(0);
      for (const name of answerHeaders) if (answer.headers[name] !== undefined) response.setHeader(name, answer.headers[name]);
      response.writeHead(answer.statusCode ?? 502);
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    sent.setTimeout(this.options.timeout_ms, () => sent.destroy(new Error(`no answer within ${this.options.timeout_ms} ms`)));
    sent.once('error', (error) => {
      this.options.logger.warn({ error, peer: url }, 'a request could not be forwarded to the replica that it is for');
      unreachable(response, 'the replica of the gateway that this is for cannot be reached');
    });
    response.once('close', () => sent.destroy());
  }

  /** Shows what a client said to all other replicas, because it concerns something that one of them may have. Does not wait for them. */
  spread(request: IncomingMessage, message: JsonObject | undefined): void {
    if (this.options.peers.length === 0 || Peers.isForwarded(request)) return;
    this.#toAll(request.method ?? 'POST', request.url ?? '/', forwardable(request.headers), message === undefined ? undefined : JSON.stringify(message));
  }

  /** Asks all other replicas what a client asks, and gives the results that they answer with. One that does not answer in time has none. */
  async gather(request: IncomingMessage, message: JsonObject): Promise<JsonObject[]> {
    if (this.options.peers.length === 0 || Peers.isForwarded(request)) return [];
    const headers = { ...forwardable(request.headers), accept: 'application/json, text/event-stream' };
    const body = JSON.stringify(message);
    const answers: Promise<JsonObject | undefined>[] = [];
    for (const peer of this.options.peers) {
      if (peer === this.options.self) continue;
      const target = new URL(request.url ?? '/', peer);
      const addresses = await lookup(nameOf(target), { all: true }).catch(() => []);
      for (const { address } of addresses) answers.push(this.#result(target, address, headers, body));
    }
    return (await Promise.all(answers)).filter((answer) => answer !== undefined);
  }

  /** Lets the other replicas tell the clients of these sessions something on their standing streams. Does not wait for them. False when there are none. */
  tell(sessions: readonly string[], notification: JsonObject): boolean {
    if (this.options.peers.every((peer) => peer === this.options.self)) return false;
    const body = JSON.stringify({ sessions, notification });
    this.#toAll('POST', noticesPath, { 'content-type': 'application/json', [sealHeader]: this.#seal(body, Date.now()), [forwardedHeader]: '1' }, body);
    return true;
  }

  /** What another replica wants told; undefined when it does not come from one. */
  told(request: IncomingMessage, body: Buffer, now: number): { readonly sessions: readonly string[]; readonly notification: JsonObject } | undefined {
    const text = body.toString('utf8');
    const seal = request.headers[sealHeader];
    if (typeof seal !== 'string') return undefined;
    const time = Number(seal.slice(0, seal.indexOf('.')));
    if (!(Math.abs(now - time) <= clock_ms)) return undefined;
    const expected = Buffer.from(this.#seal(text, time));
    const actual = Buffer.from(seal);
    if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return undefined;
    const { sessions, notification } = JSON.parse(text) as { sessions: unknown; notification: unknown };
    return Array.isArray(sessions) && isJsonObject(notification) ? { sessions: sessions.map(String), notification } : undefined;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #seal(body: string, time: number): string {
    return `${time}.${createHmac('sha256', this.options.key).update(`${time}.${body}`).digest('base64url')}`;
  }

  #toAll(method: string, path: string, headers: OutgoingHttpHeaders, body: string | undefined): void {
    for (const peer of this.options.peers) {
      if (peer === this.options.self) continue;
      void this.#toEach(method, new URL(path, peer), headers, body).catch((error: unknown) => this.options.logger.debug({ error, peer }, 'a replica could not be told something'));
    }
  }

  #result(target: URL, address: string, headers: OutgoingHttpHeaders, body: string): Promise<JsonObject | undefined> {
    return new Promise((resolve) => {
      const fail = (error: unknown): void => {
        this.options.logger.warn({ error, peer: target.host }, 'a replica did not answer what all were asked');
        resolve(undefined);
      };
      const sent = this.#send(target, address, 'POST', headers, body, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', fail);
        answer.once('end', () => resolve(resultIn(Buffer.concat(chunks).toString('utf8'))));
      });
      sent.setTimeout(this.options.timeout_ms, () => sent.destroy(new Error(`no answer within ${this.options.timeout_ms} ms`)));
      sent.once('error', fail);
    });
  }

  async #toEach(method: string, target: URL, headers: OutgoingHttpHeaders, body: string | undefined): Promise<void> {
    for (const { address } of await lookup(nameOf(target), { all: true })) {
      const sent = this.#send(target, address, method, headers, body, (answer) => answer.resume());
      sent.setTimeout(this.options.timeout_ms, () => sent.destroy(new Error(`no answer within ${this.options.timeout_ms} ms`)));
      sent.once('error', (error) => this.options.logger.debug({ error, peer: target.host }, 'a replica could not be told something'));
    }
  }

  #send(target: URL, host: string, method: string, headers: OutgoingHttpHeaders, body: string | undefined, onAnswer: (answer: IncomingMessage) => void) {
    const secure = target.protocol === 'https:';
    const options = {
      host: host.replace(/^\[|\]$/g, ''),
      port: target.port === '' ? (secure ? 443 : 80) : Number(target.port),
      path: target.pathname + target.search,
      method,
      headers: { ...headers, host: target.host, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
    };
    const sent = secure ? httpsRequest({ ...options, servername: target.hostname, agent: this.#https }, onAnswer) : httpRequest({ ...options, agent: this.#http }, onAnswer);
    sent.end(body);
    return sent;
  }
}

/** A host as a resolver takes it: an IPv6 address without its brackets. */
function nameOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** The result of a JSON-RPC answer, in whichever form it comes. */
function resultIn(text: string): JsonObject | undefined {
  const json = /^data: (\{.*)$/m.exec(text)?.[1] ?? text;
  try {
    const message: unknown = JSON.parse(json);
    const result = isJsonObject(message) ? message['result'] : undefined;
    return isJsonObject(result) ? result : undefined;
  } catch {
    // An answer of HTTP only, such as that of a replica that is stopping.
    return undefined;
  }
}

function forwardable(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = { [forwardedHeader]: '1' };
  for (const [name, value] of Object.entries(headers)) if (!ownHeaders.has(name)) passed[name] = value;
  return passed;
}

function unreachable(response: ServerResponse, message: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const text = errorText(null, 'not-ready', message);
  response.writeHead(503, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), 'retry-after': '1' }).end(text);
}
