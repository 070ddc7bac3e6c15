import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '@customhouse/kernel/canonical';
import { acceptedBy, type Accepts, hostName, isJsonContent, isLoopbackName, originHost, protocolHeader } from '@customhouse/mcp-wire/headers';
import { passedLimit, type JsonLimits } from '@customhouse/mcp-wire/json-limits';
import { legacyRevisions, revisionOf } from '@customhouse/mcp-wire/revisions';
import { HttpFailure } from '../failure.js';

/** What a request must be like before anybody looks at who sent it and what it says. */
export interface AcceptLimits {
  readonly bodyBytes: number;
  readonly json: JsonLimits;
  /** Host names that may be asked for; undefined for any. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Origins of web pages that may call. */
  readonly origins: ReadonlySet<string>;
  /** Listening on loopback: pages of this machine may call, and only loopback names are asked for. */
  readonly loopback: boolean;
}

/**
 * Host and Origin, against web pages that reach into the local network (DNS rebinding). Throws HttpFailure.
 */
export function acceptHead(request: IncomingMessage, limits: AcceptLimits): void {
  const { headers } = request;
  if (headers.host === undefined) throw new HttpFailure(400, 'malformed-http', 'the request has no Host header');
  const host = hostName(headers.host);
  if (host === undefined || !isPermittedHost(host, limits)) throw new HttpFailure(403, 'host-refused', 'the Host header names a host that this endpoint is not served under');
  if (headers.origin !== undefined && !isPermittedOrigin(headers.origin, limits))
    throw new HttpFailure(403, 'origin-refused', 'web pages of this origin may not call; CUSTOMHOUSE_INGRESS_ALLOWED_ORIGINS lists those that may');
}

/** The protocol revision of a request of the legacy era. A modern one says it in its body too. Throws HttpFailure. */
export function acceptRevision({ headers }: IncomingMessage): void {
  const revision = headers[protocolHeader];
  if (revision !== undefined && (typeof revision !== 'string' || revisionOf(revision)?.era !== 'legacy'))
    throw new HttpFailure(400, 'unsupported-version', `the protocol revision in MCP-Protocol-Version is not spoken here; these are: ${legacyRevisions.join(', ')}`, undefined, {
      supported: [...legacyRevisions],
    });
}

function isPermittedHost(host: string, limits: AcceptLimits): boolean {
  if (limits.hosts !== undefined) return limits.hosts.has(host);
  return !limits.loopback || isLoopbackName(host);
}

function isPermittedOrigin(origin: string, limits: AcceptLimits): boolean {
  if (limits.origins.has(origin.toLowerCase())) return true;
  const host = originHost(origin);
  return limits.loopback && host !== undefined && isLoopbackName(host);
}

/** What a POST says about itself. Throws HttpFailure. */
export function acceptPost(request: IncomingMessage, limits: AcceptLimits): Accepts {
  const { headers } = request;
  if (!isJsonContent(headers['content-type'])) throw new HttpFailure(415, 'unsupported-media-type', 'a message is sent as application/json in UTF-8');
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    throw new HttpFailure(415, 'unsupported-media-type', 'a message is sent without Content-Encoding', { 'accept-encoding': 'identity' });
  const accepts = acceptedBy(headers.accept);
  if (!accepts.json && !accepts.stream) throw new HttpFailure(406, 'not-acceptable', 'the answer is application/json or text/event-stream: name both in the Accept header');
  if (Number(headers['content-length']) > limits.bodyBytes) throw tooLarge(limits);
  return accepts;
}

/** Bytes of all bodies together that are held in memory: a limit for each one alone would not bound the whole. */
export class BodyBudget {
  #held = 0;

  constructor(private readonly limit: number) {}

  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** The body, within its limits of size. What it takes of the budget is given back when the connection is done with the request. Rejects with HttpFailure. */
export function receiveBody(request: IncomingMessage, response: ServerResponse, limits: AcceptLimits, budget: BodyBudget): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed && !request.complete) return reject(new HttpFailure(400, 'body-incomplete', 'the request ended before its body did'));
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (failure: HttpFailure): void => {
      request.removeAllListeners('data');
      request.pause();
      reject(failure);
    };
    response.once('close', () => budget.give(size));
    request.on('data', (chunk: Buffer) => {
      if (size + chunk.length > limits.bodyBytes) return refuse(tooLarge(limits));
      if (!budget.take(chunk.length))
        return refuse(new HttpFailure(503, 'too-many-calls', 'the bodies of all requests together are too large at the moment; try again shortly', { 'retry-after': '1' }));
      size += chunk.length;
      chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', () => reject(new HttpFailure(400, 'body-incomplete', 'the request ended before its body did')));
  });
}

function tooLarge(limits: AcceptLimits): HttpFailure {
  return new HttpFailure(413, 'body-too-large', `the body is larger than ${limits.bodyBytes} bytes`, { connection: 'close' });
}

/** The JSON of a body, parsed once. Throws HttpFailure. */
export function parseBody(body: Buffer, limits: AcceptLimits): Json {
  if (!isUtf8(body)) throw new HttpFailure(400, 'parse-error', 'the body is not UTF-8');
  const passed = passedLimit(body, limits.json);
  if (passed === 'depth') throw new HttpFailure(400, 'json-too-deep', `the body nests deeper than ${limits.json.depth}`);
  if (passed === 'members') throw new HttpFailure(400, 'json-too-many-keys', `the body has more than ${limits.json.members} members and items`);
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    throw new HttpFailure(400, 'parse-error', 'the body is not JSON');
  }
}
