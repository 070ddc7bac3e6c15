import type { Json } from '@customhouse/kernel/canonical';
import { sessionHeader } from '@customhouse/mcp-wire/headers';
import { classify, isJsonObject, isRequestId, type JsonObject, type MessageKind, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { errorText, resultText } from '@customhouse/mcp-wire/messages';
import { negotiate, revisionOf } from '@customhouse/mcp-wire/revisions';
import { isClientMethod } from '@customhouse/policy-contract/methods';
import { newUlid } from '@customhouse/sealing/random';
import { Call } from '../call.js';
import type { Caller } from '../caller.js';
import { answerIn, type ClientAsks } from '../asks/client-asks.js';
import type { Exchange } from '../http/exchange.js';
import { Failure, HttpFailure } from '../failure.js';
import { offerAt } from '../sessions/offer.js';
import { LegacyClient, type Aside } from '../asks/legacy-client.js';
import { LogLevels } from '../sessions/log-levels.js';
import type { Network } from '../http/network.js';
import type { Parts } from '../parts.js';
import type { Peers } from '../sessions/peers.js';
import { failureReply } from '../answers/reply.js';
import type { Resumptions } from '../sessions/resumptions.js';
import type { Session, Sessions } from '../sessions/sessions.js';
import type { Endpoint } from '../../state/endpoint.js';
import { isListMethod } from '../lists/list-methods.js';
import type { Lists } from '../lists/lists.js';
import { introductionAt } from './introduction.js';
import type { Query } from '../lists/tool-search.js';
import { asked } from '../asked.js';
import { termsOf } from '../tasks/task.js';
import type { Tasks } from '../tasks/tasks.js';
import { LegacyTaskClient } from './legacy-task-client.js';
import { isTaskMethod, LegacyTasks, taskOffer, wantsTask } from './legacy-tasks.js';
import { govern } from '../governed.js';

/** What a POST is about, beside its messages. */
export interface Posted {
  readonly exchange: Exchange;
  readonly caller: Caller;
  /** The endpoint that it was sent to. */
  readonly at: Endpoint;
  readonly network: Network;
}

export interface LegacyTools {
  readonly parts: Parts;
  readonly sessions: Sessions;
  readonly lists: Lists;
  readonly asks: ClientAsks;
  readonly aside: Aside;
  readonly tasks: Tasks;
  readonly peers: Peers;
  readonly resumptions: Resumptions;
  readonly version: string;
  /** Servers are told that the roots of this caller's client changed. */
  onRootsChanged(caller: Caller): void;
  /** Messages in one batch. */
  readonly batchMessages: number;
  now(): number;
}

/** What a client may say about itself, in the session id that travels with each of its requests. */
const longest = { name: 128, version: 64, capabilities: 2_048 };

/** The revisions that begin with `initialize` and have sessions: 2024-11-05 to 2025-11-25. */
export class LegacyEra {
  readonly #levels = new LogLevels();
  readonly #tasks: LegacyTasks;

  constructor(private readonly tools: LegacyTools) {
    this.#tasks = new LegacyTasks(tools);
  }

  /** Serves the messages of one POST. Throws HttpFailure for what is wrong with the request as a whole; each of its requests is answered otherwise. */
  post(message: Json, posted: Posted): void {
    if (Array.isArray(message)) return this.#batch(message, posted);
    const kind = classify(message);
    if (kind === 'invalid') throw new HttpFailure(400, 'invalid-request', 'the body is not a JSON-RPC 2.0 message as MCP has them');
    const { method, id, params } = message as JsonObject;
    if (method === 'initialize' && kind === 'request') return this.#initialize(id as RequestId, params as JsonObject | undefined, posted);
    const session = this.session(posted.exchange.request.headers[sessionHeader], posted.caller, posted.at);
    if (kind === 'request') return this.#request(message as JsonObject, session, posted);
    const elsewhere = kind === 'notification' ? this.#notification(message as JsonObject, session, posted) : this.#answer(message as JsonObject, session);
    if (elsewhere === undefined) return posted.exchange.endWith(202, '');
    this.tools.peers.forward(posted.exchange.request, posted.exchange.handOver(), JSON.stringify(message), elsewhere);
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
      for (const [index, message] of messages.entries()) this.#unanswered(message as JsonObject, kinds[index]!, session, posted);
      return posted.exchange.endWith(202, '');
    }
    posted.exchange.expectBatch(owed);
    for (const [index, message] of messages.entries()) {
      if (kinds[index] === 'request') this.#request(message as JsonObject, session, posted);
      else if (kinds[index] !== 'invalid') this.#unanswered(message as JsonObject, kinds[index]!, session, posted);
      else posted.exchange.answer(errorText(idOf(message), 'invalid-request', 'this item of the batch is not a JSON-RPC 2.0 message'));
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

  #welcome(session: Session): JsonObject {
    const { parts, version } = this.tools;
    const { serverInfo, instructions } = introductionAt(session, parts.catalog, version);
    const tasks = taskOffer(session);
    const capabilities = { ...offerAt(session, parts.catalog), ...(tasks !== undefined && { tasks }) };
    return { protocolVersion: session.protocol, capabilities, serverInfo, ...(instructions !== undefined && { instructions }) };
  }

  #request(message: JsonObject, session: Session, posted: Posted): void {
    const { exchange, caller, network, at } = posted;
    const { parts, lists } = this.tools;
    const id = message['id'] as RequestId;
    const params = message['params'] as JsonObject | undefined;
    const { method } = message;
    try {
      if (isListMethod(method)) {
        const page = lists.page(method, caller, at, params, parts.policy(), taskOffer(session) === undefined ? 'legacy' : '2025-11-25');
        if (!(page instanceof Promise)) return exchange.answer(resultText(id, page));
        return void page.then((text) => exchange.answer(resultText(id, text))).catch((error: unknown) => this.#fail(id, error, posted));
      }
      if (isClientMethod(method)) {
        const turned = method === 'tools/call' ? lists.search.turn(at, params) : undefined;
        if (turned !== undefined && 'find' in turned) return void this.#find(id, turned.find, posted);
        const now = this.tools.now();
        const call = new Call(newUlid(now), asked(id, method, turned?.call ?? params, this.#levels.of(session.id)), caller, session, network, exchange, now);
        if (wantsTask(method, params, session)) this.#asTask(call, exchange);
        else {
          if (!exchange.isBatch) exchange.identify(() => this.tools.resumptions.idFor(call), session.protocol >= '2025-11-25');
          call.client = new LegacyClient(call.id, session, exchange, this.tools.asks, this.tools.aside);
        }
        exchange.watch(call);
        return void govern(call, parts);
      }
      if (isTaskMethod(method, session)) return void this.#tasks.serve(message, session, posted).catch((error: unknown) => this.#fail(id, error, posted));
      switch (method) {
        case 'logging/setLevel':
          return void this.#setLevel(id, message, session, posted);
        case 'ping':
          return exchange.answer(resultText(id, '{}'));
        case 'initialize':
          throw new Failure('invalid-request', '"initialize" must not be part of a batch');
        default:
          throw new Failure('method-not-found', `the method "${String(method).slice(0, 100)}" is not served here`);
      }
    } catch (error) {
      this.#fail(id, error, posted);
    }
  }

  /** The answer to the request is the task; what would have been the answer is its end. */
  #asTask(call: Call, exchange: Exchange): void {
    const { asks, aside, tasks, parts } = this.tools;
    const { caller, session, asked } = call;
    const client = new LegacyTaskClient(call.id, session, exchange, asks, aside, {
      id: asked.requestId,
      terms: () => termsOf(call, parts.settings.taskTimeout_ms),
      begin: (owner, terms) => {
        // A task is given up by another request, and not by that of its first one.
        parts.active.unregister(session.id, asked.requestId, call);
        return tasks.begin(caller, owner, terms);
      },
    });
    call.client = client;
    call.onReply = (reply) => client.finish(reply);
  }

  async #setLevel(id: RequestId, message: JsonObject, session: Session, posted: Posted): Promise<void> {
    const { parts, peers } = this.tools;
    try {
      const answer = await this.#levels.set(message['params'] as JsonObject | undefined, session, posted.caller, parts);
      // Another replica has connections of its own to the same servers.
      peers.spread(posted.exchange.request, message);
      posted.exchange.reply(id, answer);
    } catch (error) {
      this.#fail(id, error, posted);
    }
  }

  async #find(id: RequestId, query: Query, posted: Posted): Promise<void> {
    const { lists, parts } = this.tools;
    try {
      posted.exchange.reply(id, { result: await lists.search.answer(query, posted, parts) });
    } catch (error) {
      this.#fail(id, error, posted);
    }
  }

  #fail(id: RequestId, error: unknown, { exchange }: Posted): void {
    const { metrics, logger } = this.tools.parts;
    if (error instanceof Failure) metrics.failures.inc({ rule: error.rule });
    else logger.error({ error }, 'a request failed by a fault of the gateway');
    exchange.reply(id, failureReply(error instanceof Failure ? error : new Failure('internal-error', 'the gateway failed; its log says why')));
  }

  /** An item of a batch that has no answer. What another process waits for is sent to it on its own. */
  #unanswered(message: JsonObject, kind: MessageKind, session: Session, posted: Posted): void {
    const elsewhere = kind === 'notification' ? this.#notification(message, session, posted) : this.#answer(message, session);
    if (elsewhere !== undefined) this.tools.peers.spread(posted.exchange.request, message);
  }

  /** The client's answer to a request of a server. The URL of the process that waits for it, when it is another one. */
  #answer(message: JsonObject, session: Session): string | undefined {
    const place = this.tools.asks.place(message['id'] as RequestId | null | undefined, session);
    if (place.at === 'here') place.listener.onAnswer(answerIn(message));
    return place.at === 'peer' ? place.url : undefined;
  }

  /** The URL of the process that a notification is for, when it is another one. */
  #notification(message: JsonObject, session: Session, posted: Posted): string | undefined {
    const params = isJsonObject(message['params']) ? message['params'] : {};
    switch (message['method']) {
      case 'notifications/cancelled': {
        const { requestId } = params;
        if (isRequestId(requestId) && !this.tools.parts.active.cancel(session.id, requestId)) this.tools.peers.spread(posted.exchange.request, message);
        return undefined;
      }
      case 'notifications/progress': {
        const { progressToken, ...progress } = params;
        const place = isRequestId(progressToken) ? this.tools.asks.place(progressToken, session) : undefined;
        if (place?.at === 'here') place.listener.onProgress(progress);
        return place?.at === 'peer' ? place.url : undefined;
      }
      case 'notifications/roots/list_changed':
        this.tools.onRootsChanged(posted.caller);
        this.tools.peers.spread(posted.exchange.request, message);
        return undefined;
      default:
        return undefined;
    }
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
