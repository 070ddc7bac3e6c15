import type { Server } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { UpstreamFailed, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { Breaker } from './breaker.js';
import type { Errand } from './errand.js';
import type { NoTurn } from './gate.js';
import { Gate } from './gate.js';
import { Line, type OnNotice } from './line.js';

export interface LaneLimits {
  readonly serverCalls: number;
  readonly serverQueue: number;
  readonly serverIdle_ms: number;
  readonly serverSessions: number;
  /** Nobody waits longer than this for news of a resource. */
  readonly sessionTtl_ms: number;
  readonly breakerFailures: number;
  readonly breakerReset_ms: number;
}

/** What kind of connection a call needs. */
export type Wanted = Pick<Errand, 'profile' | 'era'>;

/** The way to one server in one configuration: its connections, its limits, and whether it is worth trying. No server waits for another. */
export class ServerLane {
  readonly #gate: Gate;
  readonly #breaker: Breaker;
  /** By principal, by the era of its client, and by what that can be asked; of stdio servers one process serves everybody whose client cannot be asked anything. In order of last use. */
  readonly #lines = new Map<string, Line>();
  #retired = false;

  constructor(
    readonly server: Server,
    private readonly open: (server: Server, wanted: Wanted, signal: AbortSignal) => Promise<Upstream>,
    private readonly limits: LaneLimits,
    private readonly onNotice: OnNotice,
  ) {
    this.#gate = new Gate(limits.serverCalls, limits.serverQueue);
    this.#breaker = new Breaker(limits.breakerFailures, limits.breakerReset_ms);
  }

  get state(): { readonly inside: number; readonly waiting: number; readonly open: boolean; readonly lines: number } {
    return { inside: this.#gate.inside, waiting: this.#gate.waiting, open: this.#breaker.open, lines: this.#lines.size };
  }

  /** Rejects with UpstreamFailed and nothing else. */
  async call(errand: Errand): Promise<UpstreamAnswer> {
    if (!this.#gate.tryEnter()) await this.#queue(errand);
    try {
      return await this.#attempt(errand);
    } finally {
      this.#gate.leave(performance.now());
    }
  }

  /** Idle connections are closed, and those that waited too long are let go. */
  sweep(now: number): void {
    this.#gate.sweep(now);
    for (const [key, line] of this.#lines) {
      const kept_ms = line.subscribed ? this.limits.sessionTtl_ms : this.limits.serverIdle_ms;
      if (line.inUse === 0 && (this.#retired || now - line.used > kept_ms)) this.#drop(key, line);
      else line.revive();
    }
  }

  /** Tells the server something of the clients of this principal, on each of their connections. */
  notify(who: string, method: string, params: JsonObject | undefined): void {
    for (const [key, line] of this.#lines) if (key.startsWith(`${who} `)) line.notify(method, params);
  }

  /** The session of a client ended. */
  forget(session: string): void {
    for (const line of this.#lines.values()) line.forget(session);
  }

  /** The configuration changed: calls in flight end here, and no connection is kept. */
  retire(): void {
    this.#retired = true;
    this.sweep(performance.now());
  }

  get done(): boolean {
    return this.#retired && this.#lines.size === 0 && this.#gate.inside === 0 && this.#gate.waiting === 0;
  }

  async close(): Promise<void> {
    this.#retired = true;
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    await Promise.all(lines.map((line) => line.close()));
  }

  async #queue(errand: Errand): Promise<void> {
    try {
      await this.#gate.wait(errand.due, () => errand.isCancelled());
    } catch (error) {
      const { why, message } = error as NoTurn;
      throw new UpstreamFailed(why === 'cancelled' ? 'cancelled' : 'overloaded', 'no', message, { cause: error });
    }
  }

  async #attempt(errand: Errand): Promise<UpstreamAnswer> {
    if (!this.#breaker.permits(performance.now())) throw new UpstreamFailed('unreachable', 'no', 'the server has failed several times in a row and is left alone for a moment');
    try {
      const answer = await this.#send(errand).catch((error: unknown) => {
        // The server forgot the session and did nothing with the call, so the call may be sent in a new one.
        if (error instanceof UpstreamFailed && error.reason === 'session-lost' && error.sent === 'no') return this.#send(errand);
        throw error;
      });
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      this.#judge(error);
      throw error;
    }
  }

  async #send(errand: Errand): Promise<UpstreamAnswer> {
    return this.#line(errand).call(errand);
  }

  #line({ who, profile, era }: Errand): Line {
    const stdio = this.server.transport.kind === 'stdio';
    const shared = stdio && profile.key === '';
    const key = shared ? '' : `${who} ${era} ${profile.key}`;
    let line = this.#lines.get(key);
    if (line === undefined) {
      if (this.#lines.size >= this.limits.serverSessions) this.#makeRoom();
      line = new Line((signal) => this.open(this.server, { profile, era: shared ? undefined : era }, signal), stdio, this.onNotice);
    } else this.#lines.delete(key);
    this.#lines.set(key, line);
    return line;
  }

  #makeRoom(): void {
    for (const [key, line] of this.#lines) if (line.inUse === 0) return this.#drop(key, line);
    throw new UpstreamFailed('overloaded', 'no', 'too many sessions with this server are in use');
  }

  #drop(key: string, line: Line): void {
    this.#lines.delete(key);
    // A process that does not end by itself is killed by its supervisor.
    void line.close();
  }

  /** Which failures say that the server is not well. An answer that cannot be used is still a sign of life. */
  #judge(error: unknown): void {
    const failure = error instanceof UpstreamFailed ? error : undefined;
    if (failure?.reason === 'cancelled' || failure?.reason === 'overloaded') return this.#breaker.undecided();
    if (failure?.reason === 'too-large' || failure?.reason === 'malformed' || (failure?.reason === 'http-status' && failure.sent === 'no')) return this.#breaker.succeeded();
    this.#breaker.failed(performance.now());
  }
}
