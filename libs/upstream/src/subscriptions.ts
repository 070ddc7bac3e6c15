import { envelope } from '@customhouse/mcp-wire/envelope';
import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamLogger } from './logger.js';
import { UpstreamFailed, type UpstreamAnswer } from './upstream.js';

export interface SubscriptionsOptions {
  /** Sends `subscriptions/listen` with this filter; what comes on its stream goes to `onMessage`. Settles when it ended. `onId` is called first. */
  readonly listen: (filter: JsonObject, signal: AbortSignal, onMessage: (message: JsonObject) => void, onId: (id: RequestId) => void) => Promise<UpstreamAnswer>;
  readonly capabilities: () => JsonObject;
  readonly deliver: (message: JsonObject) => void;
  readonly logger: UpstreamLogger;
  /** Until the server has acknowledged a subscription. */
  readonly timeout_ms: number;
}

const reopen = { min_ms: 1_000, max_ms: 30_000 };
/** A stream that lasted this long clears the record. */
const stable_ms = 30_000;

/** One `subscriptions/listen`, from its request until it ends. */
class Listening {
  id: RequestId | undefined;
  honoured: JsonObject | undefined;
  readonly stop = new AbortController();
  readonly acknowledged: Promise<JsonObject | undefined>;
  #acknowledge!: (honoured: JsonObject | undefined) => void;

  constructor(readonly filter: JsonObject) {
    this.acknowledged = new Promise((resolve) => (this.#acknowledge = resolve));
  }

  /** `honoured`: what the server took of the filter; undefined when it ended before it took any. */
  settle(honoured: JsonObject | undefined): void {
    this.honoured ??= honoured;
    this.#acknowledge(honoured);
  }
}

/**
 * The stream on which a modern server says what nobody asked for at that moment: lists that changed, and resources that were
 * subscribed to. A change of what is wanted opens a second stream before the first is closed, so that nothing falls between them.
 * A stream that ends is opened again; a server that offers nothing of what is wanted is left in peace.
 */
export class Subscriptions {
  readonly #uris = new Set<string>();
  #lists = false;
  #present: Listening | undefined;
  /** Until it is acknowledged, and then present. */
  #opening: Listening | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(private readonly options: SubscriptionsOptions) {}

  /** From here on changes of lists are wanted. */
  start(): void {
    if (this.#lists) return;
    this.#lists = true;
    void this.#inTurn();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#opening?.stop.abort();
    this.#present?.stop.abort();
  }

  /** Resolves to whether the server reports changes of the resource. Rejects with UpstreamFailed when it does not say. */
  async add(uri: string): Promise<boolean> {
    const resources = this.options.capabilities()['resources'];
    if (!isJsonObject(resources) || resources['subscribe'] !== true) return false;
    const had = this.#uris.has(uri);
    this.#uris.add(uri);
    const honoured = await this.#inTurn();
    const taken = honoured?.['resourceSubscriptions'];
    if (Array.isArray(taken) && taken.includes(uri)) return true;
    if (!had) this.#uris.delete(uri);
    if (honoured === undefined) throw new UpstreamFailed('timeout', 'no', 'the server did not confirm the subscription');
    return false;
  }

  async remove(uri: string): Promise<void> {
    if (this.#uris.delete(uri)) await this.#inTurn();
  }

  /** Takes a message that belongs to a subscription. False for any other. */
  take(message: JsonObject): boolean {
    const params = message['params'];
    const meta = isJsonObject(params) ? params['_meta'] : undefined;
    const id = isJsonObject(meta) ? meta[envelope.subscriptionId] : undefined;
    if (id === undefined) return false;
    const listening = [this.#present, this.#opening].find((one) => one !== undefined && one.id === id);
    if (listening === undefined) return true;
    if (message['method'] === 'notifications/subscriptions/acknowledged') this.#onAcknowledged(listening, params as JsonObject);
    else if (listening === this.#present) {
      const { [envelope.subscriptionId]: _id, ...rest } = meta as JsonObject;
      this.options.deliver({ ...message, params: { ...(params as JsonObject), _meta: rest } });
    }
    return true;
  }

  /** One change at a time. Resolves to what the server honours then. */
  #inTurn(): Promise<JsonObject | undefined> {
    const next = this.#turn.then(() => this.#renew());
    this.#turn = next;
    return next;
  }

  async #renew(): Promise<JsonObject | undefined> {
    clearTimeout(this.#timer);
    const filter = this.#wanted();
    const before = this.#present;
    if (this.#stopped) return undefined;
    if (before !== undefined && JSON.stringify(before.filter) === JSON.stringify(filter)) return before.acknowledged;
    if (Object.keys(filter).length === 0) {
      this.#present = undefined;
      before?.stop.abort();
      return undefined;
    }
    const listening = (this.#opening = new Listening(filter));
    void this.#run(listening);
    // Until the new stream stands the old one is better than none.
    return listening.acknowledged;
  }

  #wanted(): JsonObject {
    const capabilities = this.options.capabilities();
    const filter: JsonObject = {};
    for (const kind of this.#lists ? ['tools', 'prompts', 'resources'] : []) {
      const offered = capabilities[kind];
      if (isJsonObject(offered) && offered['listChanged'] === true) filter[`${kind}ListChanged`] = true;
    }
    if (this.#uris.size > 0) filter['resourceSubscriptions'] = [...this.#uris].sort();
    return filter;
  }

  async #run(listening: Listening): Promise<void> {
    const late = setTimeout(() => listening.stop.abort(), this.options.timeout_ms);
    void listening.acknowledged.then(() => clearTimeout(late));
    const begun = performance.now();
    let refused = false;
    try {
      const answer = await this.options.listen(
        listening.filter,
        listening.stop.signal,
        (message) => void this.take(message),
        (id) => (listening.id = id),
      );
      refused = 'error' in answer && answer.error.code !== -32603;
      if ('error' in answer) this.options.logger.warn({ code: answer.error.code }, 'an upstream refused a subscription');
    } catch (error) {
      this.options.logger.debug({ error: error instanceof Error ? error.message : String(error) }, 'the standing stream of an upstream ended');
    }
    listening.settle(undefined);
    if (this.#opening === listening) this.#opening = undefined;
    // A stream that was replaced, or that never came to be beside one that stands, is not missed.
    if (this.#stopped || (this.#present !== undefined && this.#present !== listening)) return;
    this.#present = undefined;
    if (performance.now() - begun > stable_ms) this.#failures = 0;
    const nothing = listening.honoured !== undefined && Object.keys(listening.honoured).length === 0;
    if (!refused && !nothing) this.#again();
  }

  #again(): void {
    const pause = Math.min(reopen.max_ms, reopen.min_ms * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#inTurn(), pause);
    this.#timer.unref();
  }

  #onAcknowledged(listening: Listening, params: JsonObject): void {
    const honoured = isJsonObject(params['notifications']) ? params['notifications'] : {};
    if (this.#opening === listening) {
      const before = this.#present;
      this.#opening = undefined;
      this.#present = listening;
      before?.stop.abort();
    }
    listening.settle(honoured);
  }
}
