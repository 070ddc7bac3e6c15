import type { Server } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { SupervisedUpstream } from '@customhouse/upstream/supervised-upstream';
import { UpstreamFailed, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { Breaker } from './breaker.js';
import type { NoTurn } from './gate.js';
import { Gate } from './gate.js';

export interface LaneLimits {
  readonly serverCalls: number;
  readonly serverQueue: number;
  readonly serverIdle_ms: number;
  readonly serverSessions: number;
  readonly breakerFailures: number;
  readonly breakerReset_ms: number;
}

/** What a call needs at its server, and how it hears that it is being sent. */
export interface Errand {
  readonly method: string;
  readonly params: JsonObject;
  /** Names the principal: HTTP servers have a session for each. */
  readonly who: string;
  /** `performance.now()` by which there must be an answer. */
  readonly due: number;
  readonly max_bytes: number;
  isCancelled(): boolean;
  /** Called when the next thing that happens is the first byte. The signal it returns cancels the call at the server. */
  onSending(): AbortSignal;
  /** Notifications and requests of the server that belong to the call. */
  readonly onMessage: ((message: JsonObject) => void) | undefined;
}

interface Line {
  readonly connection: SupervisedUpstream;
  used: number;
  inUse: number;
}

/** The way to one server in one configuration: its connections, its limits, and whether it is worth trying. No server waits for another. */
export class ServerLane {
  readonly #gate: Gate;
  readonly #breaker: Breaker;
  /** By principal; a stdio server has one process for all. In order of last use. */
  readonly #lines = new Map<string, Line>();
  #retired = false;

  constructor(
    readonly server: Server,
    private readonly open: (server: Server, signal: AbortSignal) => Promise<Upstream>,
    private readonly limits: LaneLimits,
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
    for (const [who, line] of this.#lines) {
      if (line.inUse === 0 && (this.#retired || now - line.used > this.limits.serverIdle_ms)) this.#drop(who, line);
    }
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
    await Promise.all(lines.map((line) => line.connection.close()));
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
    const line = this.#line(errand.who);
    line.inUse += 1;
    try {
      const upstream = line.connection.present ?? (await line.connection.connect());
      const left = errand.due - performance.now();
      if (errand.isCancelled()) throw new UpstreamFailed('cancelled', 'no', 'the call was cancelled before it was sent');
      if (left < 1) throw new UpstreamFailed('timeout', 'no', 'the time for the call was over before it could be sent');
      return await upstream.call(
        { method: errand.method, params: errand.params },
        { timeout_ms: Math.ceil(left), max_bytes: errand.max_bytes, signal: errand.onSending(), onMessage: errand.onMessage },
      );
    } finally {
      line.inUse -= 1;
      line.used = performance.now();
    }
  }

  #line(principal: string): Line {
    const who = this.server.transport.kind === 'stdio' ? '' : principal;
    let line = this.#lines.get(who);
    if (line === undefined) {
      if (this.#lines.size >= this.limits.serverSessions) this.#makeRoom();
      line = { connection: new SupervisedUpstream({ open: (signal) => this.open(this.server, signal) }), used: 0, inUse: 0 };
    } else this.#lines.delete(who);
    this.#lines.set(who, line);
    return line;
  }

  #makeRoom(): void {
    for (const [who, line] of this.#lines) if (line.inUse === 0) return this.#drop(who, line);
    throw new UpstreamFailed('overloaded', 'no', 'too many sessions with this server are in use');
  }

  #drop(who: string, line: Line): void {
    this.#lines.delete(who);
    // Never rejects; a process that does not end by itself is killed by its supervisor.
    void line.connection.close();
  }

  /** Which failures say that the server is not well. An answer that cannot be used is still a sign of life. */
  #judge(error: unknown): void {
    const failure = error instanceof UpstreamFailed ? error : undefined;
    if (failure?.reason === 'cancelled' || failure?.reason === 'overloaded') return this.#breaker.undecided();
    if (failure?.reason === 'too-large' || failure?.reason === 'malformed' || (failure?.reason === 'http-status' && failure.sent === 'no')) return this.#breaker.succeeded();
    this.#breaker.failed(performance.now());
  }
}
