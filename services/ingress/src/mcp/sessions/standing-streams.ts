import type { ServerResponse } from 'node:http';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { notificationText, serverSentEvent } from '@customhouse/mcp-wire/messages';
import type { Endpoint } from '../../state/endpoint.js';
import type { Stops } from '../../state/stops.js';
import type { Caller } from '../caller.js';
import { HttpFailure } from '../failure.js';
import type { Session } from './sessions.js';

interface Stream {
  readonly response: ServerResponse;
  readonly caller: Caller;
  readonly session: string;
  readonly at: Endpoint;
  lastSign: number;
}

/** The lists that clients are told the changes of. */
export type ListKind = 'tools' | 'prompts' | 'resources';
export const listKinds: readonly ListKind[] = ['tools', 'prompts', 'resources'];

/** Whether a change may be seen at an endpoint. */
export type Concerns = (at: Endpoint) => boolean;

/** Hears the same as the standing streams, for streams of another kind. */
export interface StandingFollower {
  changed(kind: ListKind, concerns: Concerns): void;
  /** False when nobody of the session listens for it here. */
  tell(session: string, notification: JsonObject): boolean;
}

const everywhere: Concerns = () => true;
/** Changes that come together are told once. */
const settle_ms = 100;
/** A client that has not taken this much does not read. */
const unreadBytes = 65_536;

/** Standing streams (GET) of the legacy era: they hear what belongs to no call, such as that a list changed, or a resource. */
export class StandingStreams {
  readonly #streams = new Set<Stream>();
  readonly #byWho = new Map<string, number>();
  readonly #bySession = new Map<string, Set<Stream>>();
  readonly #changed = new Map<string, { readonly kind: ListKind; readonly concerns: Concerns }>();
  #pending: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits: { readonly streamsPerPrincipal: number; readonly keepAlive_ms: number },
    /** Whoever is stopped hears nothing of servers any more. */
    private readonly stops: Pick<Stops, 'ofCaller'>,
    private readonly follower?: StandingFollower,
  ) {}

  get size(): number {
    return this.#streams.size;
  }

  /** Keeps the response open as a stream. Throws HttpFailure when the caller has too many. */
  open(response: ServerResponse, caller: Caller, session: Session): void {
    this.enter(caller);
    const stream: Stream = { response, caller, session: session.id, at: session, lastSign: performance.now() };
    this.#streams.add(stream);
    const own = this.#bySession.get(session.id);
    if (own === undefined) this.#bySession.set(session.id, new Set([stream]));
    else own.add(stream);
    response.once('close', () => this.#close(stream));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.flushHeaders();
  }

  /** Takes a place of the caller's for a stream of any kind. Throws HttpFailure when there is none. */
  enter({ who }: Caller): void {
    const own = this.#byWho.get(who) ?? 0;
    if (own >= this.limits.streamsPerPrincipal) throw new HttpFailure(429, 'too-many-calls', `${own} streams of yours are open already`, { 'retry-after': '30' });
    this.#byWho.set(who, own + 1);
  }

  leave({ who }: { readonly who: string }): void {
    const own = this.#byWho.get(who)! - 1;
    if (own === 0) this.#byWho.delete(who);
    else this.#byWho.set(who, own);
  }

  /** What these lists answer may be different from now on: everywhere, or where it concerns. `about`: the same text for the same `concerns`. */
  changed(kinds: Iterable<ListKind> = listKinds, about = '', concerns: Concerns = everywhere): void {
    for (const kind of kinds) this.#changed.set(`${kind} ${about}`, { kind, concerns });
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined;
      const changes = [...this.#changed.values()];
      this.#changed.clear();
      for (const kind of listKinds) {
        const own = changes.filter((change) => change.kind === kind);
        if (own.length > 0) this.#tellAll(kind, (at) => own.some((change) => change.concerns(at)));
      }
    }, settle_ms).unref();
  }

  /** Sends a message to the client of a session, on one of its streams. False when it has none here. */
  tell(session: string, notification: JsonObject): boolean {
    const heard = this.follower?.tell(session, notification) === true;
    const streams = this.#bySession.get(session);
    if (streams === undefined) return heard;
    const [stream] = streams;
    if (!isNews(notification) || this.stops.ofCaller(stream!.caller.principal) === undefined) this.#write(stream!, serverSentEvent(JSON.stringify(notification)));
    return true;
  }

  tick(now: number): void {
    for (const stream of this.#streams) {
      if (now - stream.lastSign < this.limits.keepAlive_ms) continue;
      stream.lastSign = now;
      this.#write(stream, ': waiting\n\n');
    }
  }

  close(): void {
    clearTimeout(this.#pending);
    for (const stream of this.#streams) stream.response.end();
  }

  #tellAll(kind: ListKind, concerns: Concerns): void {
    const event = serverSentEvent(notificationText(`notifications/${kind}/list_changed`));
    for (const stream of this.#streams) if (concerns(stream.at)) this.#write(stream, event);
    this.follower?.changed(kind, concerns);
  }

  /** A client that does not read loses its stream: it will ask again, and look at what may have changed meanwhile. */
  #write(stream: Stream, text: string): void {
    if (stream.response.writableLength > unreadBytes) stream.response.destroy();
    else stream.response.write(text);
  }

  #close(stream: Stream): void {
    if (!this.#streams.delete(stream)) return;
    this.leave(stream.caller);
    const own = this.#bySession.get(stream.session)!;
    own.delete(stream);
    if (own.size === 0) this.#bySession.delete(stream.session);
  }
}

/** What a server says of its own accord: no request, and not that one was taken back. */
function isNews({ id, method }: JsonObject): boolean {
  return id === undefined && method !== 'notifications/cancelled';
}
