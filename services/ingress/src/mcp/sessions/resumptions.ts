import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { EventLog } from '@customhouse/event-log/port';
import type { RequestId } from '@customhouse/mcp-wire/json-rpc';
import { serverSentEvent } from '@customhouse/mcp-wire/messages';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { Call } from '../call.js';
import type { Caller } from '../caller.js';
import { legacyDialect, type Reply } from '../answers/dialect.js';
import { Failure, HttpFailure } from '../failure.js';
import { endOfCall } from '../log-search.js';
import { recordedReply } from '../answers/recorded-outcome.js';
import { failureReply } from '../answers/reply.js';
import { SealedTokens } from './sealed-tokens.js';
import type { Session } from './sessions.js';
import type { StandingStreams } from './standing-streams.js';

/** What the id of an event on the stream of a call says; short names, because it travels. */
interface EventId {
  readonly c: string;
  readonly m: GovernedMethod;
  /** The client's id of the request that the stream answers. */
  readonly r: RequestId;
  readonly s: string;
  /** Where the intent of the call is in the log. */
  readonly t: string;
  readonly p: number;
  readonly o: number;
}

export interface ResumptionTools {
  readonly log: EventLog;
  readonly sealer: Sealer;
  readonly streams: StandingStreams;
  /** 32 bytes, the same in every replica. */
  readonly key: Uint8Array;
  /** Streams at once: each reads the log. */
  readonly limit: number;
  readonly keepAlive_ms: number;
  readonly logger: Logger;
}

interface Resumed {
  readonly response: ServerResponse;
  readonly stop: AbortController;
  lastSign: number;
}

/**
 * Lets a legacy client that lost the stream of a call hear how the call ends (GET with Last-Event-ID): at any replica, also when the one that
 * made the call is dead, because the end of every call is in the log. Progress and logging that were missed are not kept.
 */
export class Resumptions {
  readonly #ids: SealedTokens<EventId>;
  readonly #resumed = new Set<Resumed>();

  constructor(private readonly tools: ResumptionTools) {
    this.#ids = new SealedTokens(tools.key, 'events');
  }

  get size(): number {
    return this.#resumed.size;
  }

  /** An id for an event on the stream of this call, different each time. Undefined while its intent is not in the log: there is nothing to resume then. */
  idFor(call: Call): string | undefined {
    if (call.intent === undefined) return undefined;
    const { topic, partition, offset } = call.intent.position;
    return this.#ids.seal({ c: call.id, m: call.method, r: call.asked.requestId, s: call.session.id, t: topic, p: partition, o: offset });
  }

  /** Continues the stream that the event was on. False when it is no event of a call of this session. Throws HttpFailure when there are too many. */
  open(response: ServerResponse, lastEventId: string, caller: Caller, session: Session): boolean {
    const id = this.#ids.open(lastEventId);
    if (id === undefined || id.s !== session.id) return false;
    if (this.#resumed.size >= this.tools.limit) throw new HttpFailure(503, 'too-many-calls', 'too many streams are being resumed; try again shortly', { 'retry-after': '5' });
    this.tools.streams.enter(caller);
    const resumed: Resumed = { response, stop: new AbortController(), lastSign: performance.now() };
    this.#resumed.add(resumed);
    response.once('close', () => {
      this.#resumed.delete(resumed);
      this.tools.streams.leave(caller);
      resumed.stop.abort();
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.flushHeaders();
    void this.#follow(id, resumed);
    return true;
  }

  tick(now: number): void {
    for (const resumed of this.#resumed) {
      if (now - resumed.lastSign < this.tools.keepAlive_ms) continue;
      resumed.lastSign = now;
      if (resumed.response.writableLength === 0) resumed.response.write(': waiting\n\n');
    }
  }

  close(): void {
    for (const { stop, response } of this.#resumed) {
      stop.abort();
      response.end();
    }
  }

  /** Does not reject. */
  async #follow(id: EventId, { response, stop }: Resumed): Promise<void> {
    try {
      const reply = await this.#reply(id, stop.signal);
      if (stop.signal.aborted) return;
      if (reply !== undefined) response.write(serverSentEvent(legacyDialect.word(id.r, reply).text, this.#ids.seal(id)));
    } catch (error) {
      this.tools.logger.warn({ error, call: id.c }, 'the end of a call could not be read for a client that lost its stream');
      // The client may come back with the same event id.
    }
    response.end();
  }

  async #reply(id: EventId, signal: AbortSignal): Promise<Reply | undefined> {
    const event = await endOfCall(this.tools.log, id.c, { topic: id.t, partition: id.p, offset: id.o + 1 }, signal);
    if (event === 'gone') return failureReply(new Failure('outcome-unknown', 'the record of the call is no longer kept', { call: id.c }));
    return event && recordedReply({ id: id.c, method: id.m }, event, this.tools.sealer);
  }
}
