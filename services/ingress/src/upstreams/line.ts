import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { SupervisedUpstream, type SupervisionOptions } from '@customhouse/upstream/supervised-upstream';
import { UpstreamFailed, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { relatedIn } from '../mcp/tasks/words.js';
import type { Errand, UpstreamRequest } from './errand.js';
import { Subscriptions } from './subscriptions.js';

/** What a server says that belongs to no call, and the sessions of clients that it may matter to. `resource`: the server's own URI, of what is about one. */
export type OnNotice = (sessions: Iterable<string>, notice: JsonObject, resource: string | undefined) => void;

/** Sessions that are told what the server says outside of calls; the one unused for longest is dropped. */
const audienceSize = 1_000;

/** What clients are shown comes from the catalogue, and so does the news that it changed. */
const ofTheCatalogue = ['notifications/tools/list_changed', 'notifications/prompts/list_changed', 'notifications/resources/list_changed'];
/** How its tasks are going, under names that are for this hop only: server-tasks.ts asks for it. */
const ofTasks = ['notifications/tasks/status', 'notifications/tasks'];
const notPassed: ReadonlySet<string> = new Set([...ofTheCatalogue, ...ofTasks]);

/** One connection to a server, with what is under way on it in both directions. */
export class Line {
  /** `performance.now()` of when it was last used. */
  used = 0;
  readonly #connection: SupervisedUpstream;
  /** In the order they came. */
  readonly #errands = new Set<Errand>();
  /** Requests of the server that have no answer yet, by its id. */
  readonly #requests = new Map<RequestId, { readonly abort: AbortController; /** The call on whose stream it came. */ readonly own: Errand | undefined }>();
  /** Sessions that use this connection, in order of last use. */
  readonly #audience = new Set<string>();
  #who: string | undefined;
  /** What a client asked for last with logging/setLevel. */
  #level: JsonObject | undefined;
  /** The last call whose client can be asked something: what the server asks between calls is for that client. */
  #last: Errand | undefined;
  /** Several principals use it, so what belongs to no call is nobody's. */
  #mixed = false;
  readonly #subscriptions = new Subscriptions();

  constructor(
    open: SupervisionOptions['open'],
    /** Everything comes over one channel, and nothing says which call it belongs to (stdio). */
    private readonly single: boolean,
    private readonly onNotice: OnNotice,
  ) {
    this.#connection = new SupervisedUpstream({
      open,
      onOpened: (upstream) => {
        upstream.onMessage((message) => this.#onMessage(upstream, message, undefined));
        this.#renew(upstream);
      },
      onLost: () => this.#dropRequests(),
    });
  }

  get inUse(): number {
    return this.#errands.size;
  }

  /** Somebody waits for news of a resource. */
  get subscribed(): boolean {
    return this.#subscriptions.any;
  }

  /** Rejects with UpstreamFailed and nothing else. */
  async call(errand: Errand): Promise<UpstreamAnswer> {
    // Before the connection is opened: what a server asks at once belongs to whoever had it opened.
    this.#errands.add(errand);
    if (errand.profile.key !== '') this.#last = errand;
    this.#addressee(errand);
    try {
      const upstream = this.#connection.present ?? (await this.#connection.connect());
      const left = errand.due - performance.now();
      if (errand.isCancelled()) throw new UpstreamFailed('cancelled', 'no', 'the call was cancelled before it was sent');
      if (left < 1) throw new UpstreamFailed('timeout', 'no', 'the time for the call was over before it could be sent');
      // Another session of the same caller still wants to hear of the resource.
      if (this.#subscriptions.isShared(errand)) return this.#subscriptions.note(errand, { result: {} });
      const answer = await upstream.call(
        { method: errand.method, params: takesTask(errand, upstream) ? { ...errand.params, task: errand.task! } : errand.params },
        {
          timeout_ms: Math.ceil(left),
          more_ms: errand.more_ms,
          max_bytes: errand.max_bytes,
          signal: errand.onSending(),
          ...(errand.definition !== undefined && { definition: errand.definition }),
          onMessage: (message) => this.#onMessage(upstream, message, errand),
          ...(errand.onPaused !== undefined && { onPaused: errand.onPaused }),
        },
      );
      if (errand.method === 'logging/setLevel' && 'result' in answer) this.#level = errand.params;
      return this.#subscriptions.note(errand, answer);
    } finally {
      this.#errands.delete(errand);
      // The stream that they came on has ended, so nobody waits for their answers.
      for (const { abort, own } of this.#requests.values()) if (own === errand) abort.abort();
      this.used = performance.now();
    }
  }

  /** Tells the server something of its client, if it is connected. */
  notify(method: string, params: JsonObject | undefined): void {
    // Rejects only when the connection has ended, and then there is nobody to tell.
    this.#connection.present?.notify({ method, params }).catch(() => undefined);
  }

  /** The session of a client ended: nothing is for it any more. */
  forget(session: string): void {
    this.#audience.delete(session);
    for (const uri of this.#subscriptions.forget(session)) this.#repeat(this.#connection.present, 'resources/unsubscribe', { uri });
  }

  /** A lost connection that somebody waits for news on is opened again without a call. */
  revive(): void {
    if (this.subscribed && this.#connection.present === undefined) this.#connection.connect().catch(() => undefined);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#dropRequests();
    await this.#connection.close();
  }

  #addressee({ session, who }: Errand): void {
    this.#who ??= who;
    this.#mixed ||= this.#who !== who;
    this.#audience.delete(session);
    this.#audience.add(session);
    if (this.#audience.size > audienceSize) for (const oldest of this.#audience) return void this.#audience.delete(oldest);
  }

  #onMessage(upstream: Upstream, message: JsonObject, own: Errand | undefined): void {
    const { id, method } = message;
    const params = isJsonObject(message['params']) ? message['params'] : {};
    if (isRequestId(id)) return this.#onRequest(upstream, { id, method: String(method), params }, own);
    if (method === 'notifications/cancelled') {
      if (isRequestId(params['requestId'])) this.#requests.get(params['requestId'])?.abort.abort();
    } else if (method === 'notifications/resources/updated') {
      for (const [session, uri] of this.#subscriptions.of(params['uri'])) this.onNotice([session], { ...message, params: { ...params, uri } }, String(params['uri']));
    } else if (typeof method === 'string' && !notPassed.has(method)) {
      const errand = own ?? (this.single ? this.#only() : undefined);
      if (errand) errand.onMessage?.(message);
      else if (!this.#mixed) this.onNotice(this.#audience, message, undefined);
    }
  }

  /** The latest call in flight, unless there are calls of several principals: none may see what belongs to another. */
  #only(): Errand | undefined {
    const latest = this.#latest();
    for (const { who } of this.#errands) if (who !== latest?.who) return undefined;
    return latest;
  }

  /** The latest call in flight with a client that can be told something. */
  #latest(): Errand | undefined {
    let latest: Errand | undefined;
    for (const errand of this.#errands) if (errand.onMessage !== undefined) latest = errand;
    return latest;
  }

  /** Over stdio a request says at least which task it belongs to. */
  #ofTask(taskId: string | undefined): Errand | undefined {
    if (taskId !== undefined) for (const errand of this.#errands) if (errand.params['taskId'] === taskId && errand.onRequest !== undefined) return errand;
    return undefined;
  }

  #onRequest(upstream: Upstream, { id, method, params }: { readonly id: RequestId; readonly method: string; readonly params: JsonObject }, own: Errand | undefined): void {
    const errand = own ?? this.#ofTask(relatedIn(params)) ?? this.#latest() ?? this.#last;
    const respond = (answer: UpstreamAnswer): void => void upstream.respond(id, answer).catch(() => undefined);
    if (errand?.onRequest === undefined)
      return respond({ error: { code: -32601, message: `${method.slice(0, 100)} cannot be asked of the client now: there is no call that it belongs to` } });
    const abort = new AbortController();
    this.#requests.get(id)?.abort.abort();
    this.#requests.set(id, { abort, own });
    const meta = params['_meta'];
    const token = isJsonObject(meta) && isRequestId(meta['progressToken']) ? meta['progressToken'] : undefined;
    const request: UpstreamRequest = {
      method,
      params,
      signal: abort.signal,
      respond: (answer) => {
        if (this.#requests.get(id)?.abort === abort) this.#requests.delete(id);
        // The server said that it no longer wants the answer.
        if (!abort.signal.aborted) respond(answer);
      },
      onProgress:
        token === undefined
          ? undefined
          : (progress) => void upstream.notify({ method: 'notifications/progress', params: { ...progress, progressToken: token } }).catch(() => undefined),
    };
    errand.onRequest(request);
  }

  #dropRequests(): void {
    for (const { abort } of this.#requests.values()) abort.abort();
    this.#requests.clear();
  }

  /** A new connection knows nothing of what was said on the old one. */
  #renew(upstream: Upstream): void {
    if (this.#level !== undefined) this.#repeat(upstream, 'logging/setLevel', this.#level);
    for (const uri of this.#subscriptions.uris()) this.#repeat(upstream, 'resources/subscribe', { uri });
  }

  /** What clients asked for and was recorded then. Nobody waits for the answer. */
  #repeat(upstream: Upstream | undefined, method: string, params: JsonObject): void {
    upstream?.call({ method, params }, { timeout_ms: 30_000, max_bytes: 1_048_576 }).catch(() => undefined);
  }
}

function takesTask({ task }: Errand, { era, initialized }: Upstream): boolean {
  if (task === undefined || era !== 'legacy') return false;
  const path = ['capabilities', 'tasks', 'requests', 'tools', 'call'];
  return isJsonObject(path.reduce<unknown>((value, name) => (isJsonObject(value) ? value[name] : undefined), initialized));
}
