import type { ServerResponse } from 'node:http';
import { envelope } from '@customhouse/mcp-wire/envelope';
import type { Principal } from '@customhouse/events/principal';
import type { Json } from '@customhouse/kernel/canonical';
import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { notificationText, resultText, serverSentEvent } from '@customhouse/mcp-wire/messages';
import type { Stops } from '../../state/stops.js';
import { Failure } from '../failure.js';
import { everything, type Endpoint } from '../../state/endpoint.js';
import type { Concerns, ListKind, StandingFollower } from '../sessions/standing-streams.js';

/** What a client wants to hear of, or what of it can be had. */
export interface Wishes {
  readonly lists: ReadonlySet<ListKind>;
  readonly resources: readonly string[];
  /** Ids of tasks. */
  readonly tasks: readonly string[];
}

/** A task that a client wants to hear of. */
export interface HeardTask {
  readonly taskId: string;
  /** Calls back with how it is going, now and whenever that changes, until the signal comes. */
  hear(tell: (task: JsonObject) => void, signal: AbortSignal): void;
}

export interface ListenerLimits {
  readonly keepAlive_ms: number;
}

/** Who listens. */
export interface Hearer {
  readonly session: string;
  readonly caller: { readonly principal: Principal };
}

interface Listener extends Hearer {
  readonly response: ServerResponse;
  readonly id: RequestId;
  readonly at: Endpoint;
  readonly wishes: Wishes;
  readonly serverInfo: JsonObject;
  lastSign: number;
}

const memberOf: Readonly<Record<ListKind, string>> = { tools: 'toolsListChanged', prompts: 'promptsListChanged', resources: 'resourcesListChanged' };
const kinds = Object.keys(memberOf) as ListKind[];
/** A client that has not taken this much does not read. */
const unreadBytes = 65_536;

/** Streams of `subscriptions/listen` (revision 2026-07-28): each hears what it asked for, and nothing else. */
export class Listeners implements StandingFollower {
  readonly #listeners = new Set<Listener>();

  constructor(
    private readonly limits: ListenerLimits,
    /** Whoever is stopped hears nothing of servers any more. */
    private readonly stops: Pick<Stops, 'ofCaller'>,
  ) {}

  get size(): number {
    return this.#listeners.size;
  }

  /** Begins the stream, with what of the wishes can be had. One that can have nothing ends at once. */
  open(
    response: ServerResponse,
    id: RequestId,
    { session, caller }: Hearer,
    wishes: Wishes,
    serverInfo: JsonObject,
    at: Endpoint = everything,
    tasks: readonly HeardTask[] = [],
  ): void {
    const listener: Listener = { response, id, session, caller, at, wishes, serverInfo, lastSign: performance.now() };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    this.#notify(listener, 'notifications/subscriptions/acknowledged', { notifications: textOf(wishes) });
    if (wishes.lists.size === 0 && wishes.resources.length === 0 && tasks.length === 0) return this.#end(listener);
    this.#listeners.add(listener);
    const stop = new AbortController();
    response.once('close', () => {
      this.#listeners.delete(listener);
      stop.abort();
    });
    for (const task of tasks) task.hear((seen) => this.#notify(listener, 'notifications/tasks', seen), stop.signal);
  }

  /** Whether somebody of the session still listens for a resource. */
  hears(session: string, uri: string): boolean {
    for (const listener of this.#listeners) if (listener.session === session && listener.wishes.resources.includes(uri)) return true;
    return false;
  }

  changed(kind: ListKind, concerns: Concerns): void {
    for (const listener of this.#listeners) if (listener.wishes.lists.has(kind) && concerns(listener.at)) this.#notify(listener, `notifications/${kind}/list_changed`, {});
  }

  tell(session: string, { method, params }: JsonObject): boolean {
    if (method !== 'notifications/resources/updated' || !isJsonObject(params)) return false;
    let heard = false;
    for (const listener of this.#listeners) {
      if (listener.session !== session || !listener.wishes.resources.includes(String(params['uri']))) continue;
      if (this.stops.ofCaller(listener.caller.principal) === undefined) this.#notify(listener, method, params);
      heard = true;
    }
    return heard;
  }

  tick(now: number): void {
    for (const listener of this.#listeners) {
      if (now - listener.lastSign < this.limits.keepAlive_ms) continue;
      listener.lastSign = now;
      this.#write(listener, ': waiting\n\n');
    }
  }

  /** Tells each client that there will be no more, so that it need not wait for it. */
  close(): void {
    for (const listener of [...this.#listeners]) this.#end(listener);
  }

  #notify(listener: Listener, method: string, params: JsonObject): void {
    const own = params['_meta'];
    const meta = { ...(isJsonObject(own) ? own : {}), [envelope.subscriptionId]: listener.id };
    this.#write(listener, serverSentEvent(notificationText(method, { ...params, _meta: meta })));
  }

  /** A client that does not read loses its stream: it will listen again, and look at what may have changed meanwhile. */
  #write({ response }: Listener, text: string): void {
    if (response.writableLength > unreadBytes) response.destroy();
    else response.write(text);
  }

  #end(listener: Listener): void {
    this.#listeners.delete(listener);
    const result = { resultType: 'complete', _meta: { [envelope.subscriptionId]: listener.id, [envelope.serverInfo]: listener.serverInfo } };
    listener.response.end(serverSentEvent(resultText(listener.id, JSON.stringify(result))));
  }
}

/** What the client asks for. Throws Failure. `most`: resources of one stream, and tasks. */
export function wishesIn(notifications: Json | undefined, most: number): Wishes {
  if (!isJsonObject(notifications)) throw new Failure('invalid-params', 'subscriptions/listen needs "notifications", an object');
  const resources = textsIn(notifications['resourceSubscriptions'], '"resourceSubscriptions" is a list of URIs');
  const tasks = textsIn(notifications['taskIds'], '"taskIds" is a list of the ids of tasks');
  if (resources.length > most || tasks.length > most) throw new Failure('invalid-params', `one stream can be about ${most} resources and ${most} tasks at most; listen on several`);
  return { lists: new Set(kinds.filter((kind) => notifications[memberOf[kind]] === true)), resources, tasks };
}

function textsIn(value: Json | undefined, problem: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) throw new Failure('invalid-params', problem);
  return [...new Set(value)];
}

/** What of the wishes the endpoint has at all. */
export function within(wishes: Wishes, offer: JsonObject): Wishes {
  const has = (capability: string, member: string): boolean => {
    const offered = offer[capability];
    return isJsonObject(offered) && offered[member] === true;
  };
  return {
    lists: new Set([...wishes.lists].filter((kind) => has(kind, 'listChanged'))),
    resources: has('resources', 'subscribe') ? wishes.resources : [],
    tasks: wishes.tasks,
  };
}

function textOf({ lists, resources, tasks }: Wishes): JsonObject {
  const text: JsonObject = {};
  for (const kind of lists) text[memberOf[kind]] = true;
  if (resources.length > 0) text['resourceSubscriptions'] = [...resources];
  if (tasks.length > 0) text['taskIds'] = [...tasks];
  return text;
}
