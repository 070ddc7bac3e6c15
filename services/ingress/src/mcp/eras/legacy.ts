import type { Json } from '@customhouse/kernel/canonical';
import { sessionHeader } from '@customhouse/mcp-wire/headers';
import { classify, isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { errorText, resultText } from '@customhouse/mcp-wire/messages';
import { negotiate, revisionOf } from '@customhouse/mcp-wire/revisions';
import { isClientMethod } from '@customhouse/policy-contract/methods';
import { newUlid } from '@customhouse/sealing/random';
import { Call } from '../call.js';
import type { Caller } from '../caller.js';
import type { Exchange } from '../exchange.js';
import { Failure, HttpFailure } from '../failure.js';
import { offerAt } from '../offer.js';
import type { Parts } from '../parts.js';
import { failureReply } from '../reply.js';
import type { Session, Sessions } from '../sessions.js';
import type { Endpoint } from '../../state/endpoint.js';
import { isListMethod } from '../lists/list-methods.js';
import type { Lists } from '../lists/lists.js';
import { asked } from '../asked.js';
import { govern } from '../governed.js';

/** What a POST is about, beside its messages. */
export interface Posted {
  readonly exchange: Exchange;
  readonly caller: Caller;
  /** The endpoint that it was sent to. */
  readonly at: Endpoint;
  readonly address: string;
}

export interface LegacyTools {
  readonly parts: Parts;
  readonly sessions: Sessions;
  readonly lists: Lists;
  readonly version: string;
  /** Messages in one batch. */
  readonly batchMessages: number;
  now(): number;
}

/** What a client may say about itself, in the session id that travels with each of its requests. */
const longest = { name: 128, version: 64, capabilities: 2_048 };

/** The revisions that begin with `initialize` and have sessions: 2024-11-05 to 2025-11-25. */
export class LegacyEra {
  constructor(private readonly tools: LegacyTools) {}

  /** Serves the messages of one POST. Throws HttpFailure for what is wrong with the request as a whole; each of its requests is answered otherwise. */
  post(message: Json, posted: Posted): void {
    if (Array.isArray(message)) return this.#batch(message, posted);
    const kind = classify(message);
    if (kind === 'invalid') throw new HttpFailure(400, 'invalid-request', 'the body is not a JSON-RPC 2.0 message as MCP has them');
    const { method, id, params } = message as JsonObject;
    if (method === 'initialize' && kind === 'request') return this.#initialize(id as RequestId, params as JsonObject | undefined, posted);
    const session = this.session(posted.exchange.request.headers[sessionHeader], posted.caller, posted.at);
    if (kind === 'request') return this.#request(message as JsonObject, session, posted);
    if (kind === 'notification') this.#notification(message as JsonObject, session);
    // An answer to a request of ours: none is ever sent, so it is nobody's.
    posted.exchange.endWith(202, '');
  }

  /** The session that a request names. Throws HttpFailure. */
  session(id: string | string[] | undefined, caller: Caller, at: Endpoint): Session {
    if (typeof id !== 'string' || id === '') throw new HttpFailure(400, 'session-required', 'begin with "initialize", and send the Mcp-Session-Id that it answers with');
    const session = this.tools.sessions.open(id, caller, at, this.tools.now());
    if (session === undefined) throw new HttpFailure(404, 'session-unknown', 'this session has ended, or is not yours: begin a new one with "initialize"');
    return session;
  }

  #batch(messages: readonly Json[], posted: Posted): void {
    const session = this.session(posted.exchange.request.headers[sessionHeader], posted.caller, posted.at);
    if (revisionOf(session.protocol)?.batch !== true)
      throw new HttpFailure(400, 'batch-not-allowed', `revision ${session.protocol} has no batches: send each message in a request of its own`);
    if (messages.length === 0) throw new HttpFailure(400, 'invalid-request', 'the batch is empty');
    if (messages.length > this.tools.batchMessages) throw new HttpFailure(400, 'batch-not-allowed', `a batch holds at most ${this.tools.batchMessages} messages`);
    const kinds = messages.map((message) => classify(message));
    const owed = kinds.filter((kind) => kind === 'request' || kind === 'invalid').length;
    if (owed === 0) {
      for (const [index, message] of messages.entries()) if (kinds[index] === 'notification') this.#notification(message as JsonObject, session);
      return posted.exchange.endWith(202, '');
    }
    posted.exchange.expectBatch(owed);
    for (const [index, message] of messages.entries()) {
      if (kinds[index] === 'request') this.#request(message as JsonObject, session, posted);
      else if (kinds[index] === 'notification') this.#notification(message as JsonObject, session);
      else if (kinds[index] === 'invalid') posted.exchange.answer(errorText(idOf(message), 'invalid-request', 'this item of the batch is not a JSON-RPC 2.0 message'));
    }
  }

  #initialize(id: RequestId, params: JsonObject | undefined, posted: Posted): void {
    const { exchange, caller, at } = posted;
    const { tools } = this;
    try {
      const session: Session = {
        id: newUlid(tools.now()),
        protocol: negotiate(textOf(params, 'protocolVersion')),
        client: clientOf(params),
        capabilities: capabilitiesOf(params),
        server: at.server,
        toolset: at.toolset,
        opened: tools.now(),
      };
      exchange.setHeader(sessionHeader, tools.sessions.seal(session, caller));
      exchange.answer(resultText(id, JSON.stringify(this.#welcome(session))));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      exchange.reply(id, failureReply(error));
    }
  }

  /** A pass-through endpoint introduces its server. */
  #welcome(session: Session): JsonObject {
    const discovered = session.server === null ? undefined : (this.tools.parts.catalog.discovered(session.server) as JsonObject | undefined);
    const welcome: JsonObject = {
      protocolVersion: session.protocol,
      capabilities: offerAt(session, this.tools.parts.catalog),
      serverInfo: isJsonObject(discovered?.['serverInfo']) ? discovered['serverInfo'] : { name: 'customhouse', title: 'Customhouse', version: this.tools.version },
    };
    if (typeof discovered?.['instructions'] === 'string') welcome['instructions'] = discovered['instructions'];
    return welcome;
  }

  #request(message: JsonObject, session: Session, posted: Posted): void {
    const { exchange, caller, address, at } = posted;
    const { parts, lists } = this.tools;
    const id = message['id'] as RequestId;
    const params = message['params'] as JsonObject | undefined;
    const { method } = message;
    try {
      if (isListMethod(method)) return exchange.answer(resultText(id, lists.page(method, caller, at, params, parts.policy())));
      if (isClientMethod(method)) {
        const now = this.tools.now();
        const call = new Call(newUlid(now), asked(id, method, params), caller, session, address, exchange, now);
        exchange.watch(call);
        return void govern(call, parts);
      }
      switch (method) {
        case 'ping':
          return exchange.answer(resultText(id, '{}'));
        case 'initialize':
          throw new Failure('invalid-request', '"initialize" must not be part of a batch');
        default:
          throw new Failure('method-not-found', `the method "${String(method).slice(0, 100)}" is not served here`);
      }
    } catch (error) {
      if (error instanceof Failure) parts.metrics.failures.inc({ rule: error.rule });
      else parts.logger.error({ error }, 'a request failed by a fault of the gateway');
      exchange.reply(id, failureReply(error instanceof Failure ? error : new Failure('internal-error', 'the gateway failed; its log says why')));
    }
  }

  #notification(message: JsonObject, session: Session): void {
    if (message['method'] !== 'notifications/cancelled') return;
    const params = message['params'];
    const id = isJsonObject(params) ? params['requestId'] : undefined;
    if (isRequestId(id)) this.tools.parts.active.cancel(session.id, id);
  }
}

function idOf(message: Json): RequestId | null {
  const id = isJsonObject(message) ? message['id'] : undefined;
  return isRequestId(id) ? id : null;
}

function textOf(params: JsonObject | undefined, name: string): string {
  const value = params?.[name];
  if (typeof value !== 'string' || value === '') throw new Failure('invalid-params', `initialize needs "${name}", a text`);
  return value;
}

function clientOf(params: JsonObject | undefined): Session['client'] {
  const info = params?.['clientInfo'];
  if (!isJsonObject(info) || typeof info['name'] !== 'string' || typeof info['version'] !== 'string')
    throw new Failure('invalid-params', 'initialize needs "clientInfo" with "name" and "version", both texts');
  return { name: info['name'].slice(0, longest.name).toWellFormed(), version: info['version'].slice(0, longest.version).toWellFormed() };
}

function capabilitiesOf(params: JsonObject | undefined): JsonObject {
  const capabilities = params?.['capabilities'] ?? {};
  if (!isJsonObject(capabilities)) throw new Failure('invalid-params', 'the "capabilities" of initialize must be an object');
  if (JSON.stringify(capabilities).length > longest.capabilities)
    throw new Failure('invalid-params', `the "capabilities" of initialize are longer than ${longest.capabilities} characters`);
  return capabilities;
}
