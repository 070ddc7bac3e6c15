import type { Json } from '@customhouse/kernel/canonical';
import { nameInBody, tasksExtension } from '@customhouse/mcp-wire/envelope';
import { protocolHeader } from '@customhouse/mcp-wire/headers';
import { classify, isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { errorText, resultText } from '@customhouse/mcp-wire/messages';
import { envelopeOf, isObjection, methodHeader, nameHeader, type Envelope, type Objection } from '@customhouse/mcp-wire/modern-request';
import { disagreement, paramHeadersOf, type ParamHeader } from '@customhouse/mcp-wire/param-headers';
import { modernRevisions } from '@customhouse/mcp-wire/revisions';
import type { ClientMethod } from '@customhouse/policy-contract/methods';
import { newUlid } from '@customhouse/sealing/random';
import type { ServedTool } from '../../state/catalog.js';
import { confirmationKey, saidOf } from '../../holds/confirmation.js';
import { asked, type Asked } from '../asked.js';
import { Call } from '../call.js';
import { metaOf, type Conversations } from '../sessions/conversations.js';
import { Failure, HttpFailure } from '../failure.js';
import { govern } from '../governed.js';
import { isListMethod, listMethods } from '../lists/list-methods.js';
import type { Lists } from '../lists/lists.js';
import type { Query } from '../lists/tool-search.js';
import { offerAt } from '../sessions/offer.js';
import type { Parts } from '../parts.js';
import { Peers } from '../sessions/peers.js';
import { failureReply } from '../answers/reply.js';
import { unknownState, type RoundRequest, type Rounds } from '../asks/rounds.js';
import type { Session } from '../sessions/sessions.js';
import type { StandingStreams } from '../sessions/standing-streams.js';
import type { Posted } from './legacy.js';
import { within, wishesIn, type Listeners } from './listeners.js';
import { ModernClient, takesTasks } from './modern-client.js';
import { ModernDialect } from './modern-dialect.js';
import { introductionAt } from './introduction.js';
import type { TaskTerms } from '../tasks/task.js';
import { abandon, collect } from '../tasks/collect.js';
import type { Tasks } from '../tasks/tasks.js';
import { modernTask } from '../tasks/words.js';
import { heardTasks } from './heard-tasks.js';

export interface ModernTools {
  readonly parts: Parts;
  readonly conversations: Conversations;
  readonly rounds: Rounds;
  readonly tasks: Tasks;
  readonly peers: Peers;
  readonly lists: Lists;
  readonly streams: StandingStreams;
  readonly listeners: Listeners;
  /** For how long a client may keep what it is told of the endpoint. */
  readonly listTtl_ms: number;
  readonly version: string;
  now(): number;
}

/** One request of the modern era, once its envelope is known to be good. */
interface Request {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  /** All of it. */
  readonly message: JsonObject;
  readonly envelope: Envelope;
  readonly posted: Posted;
}

/** What a client may say about itself: it is recorded in clear. */
const longest = { name: 128, version: 64 };
const revision = modernRevisions.at(-1)!;
const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** Methods that clients of this revision have; the others of the legacy era are gone. */
const governed: ReadonlySet<string> = new Set<ClientMethod>(['tools/call', 'prompts/get', 'resources/read', 'completion/complete']);
const taskMethods: ReadonlySet<string> = new Set(['tasks/get', 'tasks/update', 'tasks/cancel']);
/** Methods whose results may ask for input. */
const inRounds: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
const capabilityOf: Readonly<Record<string, string>> = { 'prompts/get': 'prompts', 'resources/read': 'resources', 'completion/complete': 'completions' };

/** The revision that needs no session, because each request says everything: 2026-07-28. */
export class ModernEra {
  /** By the definition of a tool, which is the same object until it changes. */
  readonly #paramHeaders = new WeakMap<object, readonly ParamHeader[]>();

  constructor(private readonly tools: ModernTools) {}

  /** Serves one POST. Throws HttpFailure for what is no request at all. */
  post(message: Json, posted: Posted): void {
    if (Array.isArray(message)) throw new HttpFailure(400, 'invalid-request', `revision ${revision} has no batches: send each message in a request of its own`);
    const kind = classify(message);
    if (kind === 'notification') return posted.exchange.endWith(202, '');
    if (kind !== 'request') {
      const problem = kind === 'invalid' ? 'the body is not a JSON-RPC 2.0 message as MCP has them' : `clients of revision ${revision} send no answers`;
      return this.#object(idOf(message), { rule: 'invalid-request', message: problem }, posted);
    }
    this.#request(message as JsonObject, posted);
  }

  #request(message: JsonObject, posted: Posted): void {
    const { exchange, at } = posted;
    const id = message['id'] as RequestId;
    const method = String(message['method']);
    const { headers } = exchange.request;
    const envelope = envelopeOf(message, { protocol: one(headers[protocolHeader]), method: one(headers[methodHeader]), name: one(headers[nameHeader]) }, toBase64);
    if (isObjection(envelope)) return this.#object(id, envelope, posted);
    exchange.dialect = new ModernDialect({
      method,
      name: nameInBody(method, message['params'] as JsonObject | undefined),
      serverInfo: introductionAt(at, this.tools.parts.catalog, this.tools.version).serverInfo,
    });
    try {
      this.#serve({ id, method, params: message['params'] as JsonObject, message, envelope, posted });
    } catch (error) {
      this.#fail(id, error, posted);
    }
  }

  #serve(request: Request): void {
    const { id, method, params, posted } = request;
    const { exchange, caller, at } = posted;
    const { lists, parts } = this.tools;
    if (method === 'server/discover') return exchange.reply(id, { result: this.#discovered(request) });
    const offer = offerAt(at, parts.catalog);
    const capability = isListMethod(method) ? listMethods[method].capability : capabilityOf[method];
    if (capability !== undefined && !isJsonObject(offer[capability])) throw new Failure('method-not-found', `nothing at this endpoint has ${capability}`);
    if (isListMethod(method)) {
      const page = lists.page(method, caller, at, params, parts.policy(), 'modern');
      if (!(page instanceof Promise)) return exchange.answer(resultText(id, page));
      return void page.then((text) => exchange.answer(resultText(id, text))).catch((error: unknown) => this.#fail(id, error, posted));
    }
    if (governed.has(method)) return this.#govern(request, method as ClientMethod);
    if (taskMethods.has(method)) return void this.#task(request).catch((error: unknown) => this.#fail(id, error, posted));
    if (method === 'subscriptions/listen') return void this.#listen(request, offer).catch((error: unknown) => this.#fail(id, error, posted));
    throw new Failure('method-not-found', `the method "${method.slice(0, 100)}" is not served here`);
  }

  #discovered({ posted }: Request): JsonObject {
    const { parts, listTtl_ms, version } = this.tools;
    const { instructions } = introductionAt(posted.at, parts.catalog, version);
    return {
      supportedVersions: [...modernRevisions],
      capabilities: { ...offerAt(posted.at, parts.catalog), extensions: { [tasksExtension]: {} } },
      ...(instructions !== undefined && { instructions }),
      ttlMs: listTtl_ms,
      cacheScope: 'private',
    };
  }

  #govern(request: Request, method: ClientMethod): void {
    const { id, envelope, posted } = request;
    const { exchange, caller, at, network } = posted;
    const { inputResponses, requestState, ...params } = request.params;
    const answers = inRounds.has(method) ? answersIn(inputResponses) : {};
    const { _meta, ...rest } = params;
    const round: RoundRequest = { caller, at, method, params: rest };
    const resumed = requestState === undefined ? undefined : this.#goOn(request, round, requestState, answers);
    if (resumed === 'elsewhere') return;
    const turned = method === 'tools/call' ? this.tools.lists.search.turn(at, params) : undefined;
    if (turned !== undefined && 'find' in turned) return void this.#find(request, turned.find);
    const now = this.tools.now();
    const question = asked(id, method, turned?.call ?? params);
    const wrong = this.#paramObjection(request, question);
    if (wrong !== undefined) return this.#object(id, wrong, posted);
    const call = new Call(newUlid(now), question, caller, this.#session(request, now), network, exchange, now);
    const { rounds, tasks } = this.tools;
    const waiting = { ...rounds.of(round), begin: (of: ModernClient, terms: TaskTerms) => tasks.begin(caller, of, terms) };
    const { [confirmationKey]: said, ...others } = answers;
    if (resumed !== undefined) call.resumed = { approval: resumed, said: saidOf(said) };
    const client = new ModernClient(exchange, id, envelope, waiting, () => call.cancel(), others, inRounds.has(method));
    call.client = client;
    call.onReply = (reply) => client.finish(reply);
    void govern(call, this.tools.parts);
  }

  async #find({ id, posted }: Request, query: Query): Promise<void> {
    const { lists, parts } = this.tools;
    try {
      posted.exchange.reply(id, { result: await lists.search.answer(query, posted, parts) });
    } catch (error) {
      this.#fail(id, error, posted);
    }
  }

  /** The client comes back with answers for a call that waits for them. The approval, when that is a held call, and its request goes on by it. Throws Failure. */
  #goOn({ id, message, posted }: Request, round: RoundRequest, requestState: Json, answers: JsonObject): string | 'elsewhere' {
    const { rounds, peers, parts } = this.tools;
    const comeback = rounds.comeback(requestState, round);
    switch (comeback.at) {
      case 'peer':
        peers.forward(posted.exchange.request, posted.exchange.handOver(), JSON.stringify(message), comeback.url);
        return 'elsewhere';
      case 'here':
        comeback.client.comeBack(posted.exchange, id, answers);
        return 'elsewhere';
      case 'hold':
        if (!parts.holds.takeUp(comeback.approval, comeback.round)) throw unknownState();
        return comeback.approval;
    }
  }

  /** Says how a task is going, takes answers for it, or gives it up. */
  async #task({ id, method, params, message, envelope, posted }: Request): Promise<void> {
    const { exchange, caller } = posted;
    mustKnowTasks(envelope);
    const found = this.tools.tasks.find(params['taskId'], caller, Peers.isForwarded(exchange.request));
    if (found.at === 'peer') return this.tools.peers.forward(exchange.request, exchange.handOver(), JSON.stringify(message), found.url);
    if (method === 'tasks/get') {
      const view = found.at === 'here' ? found.task.view() : await found.view();
      exchange.reply(id, { result: modernTask(view) });
      if (view.state.status === 'ended') exchange.onDelivered(() => collect(found, this.tools.parts.holds));
      return;
    }
    if (method === 'tasks/cancel') abandon(found, this.tools.parts.holds);
    else if (found.at === 'here') found.task.owner.tell(answersIn(params['inputResponses']));
    exchange.reply(id, { result: {} });
  }

  /** Opens a stream of what changes. Resources are subscribed to first, each by a request that is governed and recorded. */
  async #listen(request: Request, offer: JsonObject): Promise<void> {
    const { streams, listeners, parts } = this.tools;
    const { id, posted } = request;
    const { exchange, caller, at } = posted;
    const wishes = within(wishesIn(request.params['notifications'], parts.settings.listenResources), offer);
    if (!exchange.accepts.stream) throw new Failure('not-acceptable', 'this is a stream: accept text/event-stream');
    if (wishes.tasks.length > 0) mustKnowTasks(request.envelope);
    const { elsewhere, tasks } = heardTasks(this.tools.tasks, wishes.tasks, posted, parts.holds);
    // A stream about nothing but tasks is best where those are worked on.
    if (elsewhere !== undefined && tasks.length === 0 && wishes.lists.size === 0 && wishes.resources.length === 0)
      return this.tools.peers.forward(exchange.request, exchange.handOver(), JSON.stringify(request.message), elsewhere);
    const session = this.#session(request, this.tools.now());
    streams.enter(caller);
    const subscribed: string[] = [];
    const leave = (): void => {
      streams.leave(caller);
      for (const uri of subscribed) if (!listeners.hears(session.id, uri)) void this.#subscribe('resources/unsubscribe', uri, session, posted);
    };
    exchange.response.once('close', leave);
    const answers = await Promise.all(wishes.resources.map((uri) => this.#subscribe('resources/subscribe', uri, session, posted)));
    subscribed.push(...wishes.resources.filter((_uri, index) => answers[index]));
    // Its client left before the servers had answered, so what they were asked for has to be taken back now.
    if (exchange.gone) return void (await Promise.all(subscribed.map((uri) => this.#subscribe('resources/unsubscribe', uri, session, posted))));
    const taken = { ...wishes, resources: subscribed, tasks: tasks.map(({ taskId }) => taskId) };
    listeners.open(exchange.handOver(), id, { session: session.id, caller }, taken, introductionAt(at, parts.catalog, this.tools.version).serverInfo, at, tasks);
  }

  /** Whether the server agreed. */
  async #subscribe(method: 'resources/subscribe' | 'resources/unsubscribe', uri: string, session: Session, { caller, network }: Posted): Promise<boolean> {
    const now = this.tools.now();
    let agreed = false;
    try {
      const call = new Call(newUlid(now), asked(newUlid(now), method, { uri }), caller, session, network, undefined, now);
      call.onReply = (reply) => (agreed = reply !== undefined && 'result' in reply);
      await govern(call, this.tools.parts);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    return agreed;
  }

  /** The headers that repeat arguments of a tool have to say what the body says. */
  #paramObjection({ posted }: Request, { method, name, arguments: args }: Asked): Objection | undefined {
    const tool = method === 'tools/call' ? this.tools.parts.catalog.findTool(posted.at, name) : undefined;
    const declared = tool === undefined ? [] : this.#headersOf(tool);
    if (declared.length === 0) return undefined;
    const wrong = disagreement(declared, args, (header) => one(posted.exchange.request.headers[header]), toBase64);
    return wrong && { rule: 'header-mismatch', message: wrong.message, data: { header: wrong.header } };
  }

  #headersOf({ described }: ServedTool): readonly ParamHeader[] {
    let headers = this.#paramHeaders.get(described);
    if (headers === undefined) this.#paramHeaders.set(described, (headers = paramHeadersOf((described as JsonObject)['inputSchema']).headers));
    return headers;
  }

  #session({ params, envelope, posted }: Request, now: number): Session {
    const { caller, at } = posted;
    return {
      id: this.tools.conversations.idFor(caller, metaOf(params), now),
      protocol: revision,
      client: envelope.client && { name: recordable(envelope.client.name, longest.name), version: recordable(envelope.client.version, longest.version) },
      capabilities: envelope.capabilities,
      server: at.server,
      toolset: at.toolset,
      opened: now,
    };
  }

  #object(id: RequestId | null, { rule, message, data }: Objection, { exchange }: Posted): void {
    this.tools.parts.metrics.failures.inc({ rule });
    exchange.endWith(400, errorText(id, rule, message, data));
  }

  #fail(id: RequestId, error: unknown, { exchange }: Posted): void {
    const { metrics, logger } = this.tools.parts;
    if (error instanceof Failure) metrics.failures.inc({ rule: error.rule });
    else logger.error({ error }, 'a request failed by a fault of the gateway');
    exchange.reply(id, failureReply(error instanceof Failure ? error : new Failure('internal-error', 'the gateway failed; its log says why')));
  }
}

/** Throws Failure. */
function mustKnowTasks({ capabilities }: Envelope): void {
  if (!takesTasks(capabilities))
    throw new Failure('missing-client-capability', 'tasks are for clients that declare them', { requiredCapabilities: { extensions: { [tasksExtension]: {} } } });
}

/** What the client says of its own accord or was asked for. Throws Failure. */
function answersIn(inputResponses: Json | undefined): JsonObject {
  if (inputResponses === undefined) return {};
  if (!isJsonObject(inputResponses) || !Object.values(inputResponses).every(isJsonObject))
    throw new Failure('invalid-params', '"inputResponses" must be an object with an object for each of the questions');
  return inputResponses;
}

function idOf(message: Json): RequestId | null {
  const id = isJsonObject(message) ? message['id'] : undefined;
  return isRequestId(id) ? id : null;
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}

function recordable(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
