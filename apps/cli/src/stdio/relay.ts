import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../values.js';
import { LineReader } from './lines.js';
import { Link, LinkFailure, type Answer } from './link.js';
import { failure, isObject, modernRevisionOf, requestsIn, type Id } from './messages.js';
import { ModernHeaders } from './modern-headers.js';

export interface RelayOptions {
  readonly url: string;
  readonly key: string | undefined;
  readonly input: Readable;
  readonly output: Writable;
  /** Standard error: what the person who set this up wants to know. */
  readonly note: (text: string) => void;
  /** Ends the relay at once. */
  readonly signal: AbortSignal;
  /** After the end of the input: time for answers that are still owed. */
  readonly drain_ms: number;
}

/** Longest line that is taken. */
const line_bytes = 16 * 2 ** 20;
const resumptions = 5;
const standing = { min_ms: 1_000, max_ms: 30_000 };
const pages = 100;
const cancelled = Symbol('cancelled');

/** A server on standard streams whose answers are the gateway's. Resolves when the input has ended and its answers are given. */
export async function relay(options: RelayOptions): Promise<void> {
  await new Relay(options).run();
}

/** Parsed JSON passes as it is, whatever is in it; what HTTP needs beside it (session, revision, headers) is kept here. */
class Relay {
  readonly #link: Link;
  readonly #headers = new ModernHeaders();
  readonly #inFlight = new Map<Id, AbortController>();
  readonly #work = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  #sessionId: string | undefined;
  #protocol: string | undefined;
  /** To begin again when the gateway does not know the session any more. */
  #initialize: JsonObject | undefined;
  #reopening: Promise<boolean> | undefined;
  #standing = false;
  /** Without its session nothing else can be sent. */
  #beginning: Promise<void> | undefined;

  constructor(private readonly options: RelayOptions) {
    this.#link = new Link(options.url, options.key);
    options.signal.addEventListener('abort', () => this.#ended.abort(), { once: true });
  }

  async run(): Promise<void> {
    const { input, signal, drain_ms } = this.options;
    for await (const line of new LineReader(input, line_bytes, signal)) this.#take(line);
    if (!signal.aborted) await Promise.race([Promise.allSettled(this.#work), sleep(drain_ms, undefined, { signal, ref: false }).catch(() => undefined)]);
    this.#ended.abort();
    await this.#writing;
    await this.#leave();
  }

  #take(line: string | undefined): void {
    if (line === undefined) return void this.#write(failure(null, 'parse-error', `a line is longer than ${line_bytes} bytes`));
    if (line.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return void this.#write(failure(null, 'parse-error', 'a line is not JSON'));
    }
    if (this.#cancels(message)) return;
    const work = (this.#beginning ?? Promise.resolve()).then(() => this.#pass(message)).finally(() => this.#work.delete(work));
    this.#work.add(work);
    if (isObject(message) && message['method'] === 'initialize') this.#beginning = work;
  }

  /** In the modern era a request over HTTP is cancelled by the end of its stream. */
  #cancels(message: unknown): boolean {
    const params = isObject(message) && message['method'] === 'notifications/cancelled' ? message['params'] : undefined;
    const id = isObject(params) ? (params['requestId'] as Id) : undefined;
    if (id === undefined || this.#sessionId !== undefined) return false;
    this.#inFlight.get(id)?.abort(cancelled);
    return true;
  }

  async #pass(message: unknown): Promise<void> {
    const owed = requestsIn(message);
    const stop = new AbortController();
    for (const id of owed.keys()) this.#inFlight.set(id, stop);
    try {
      await this.#exchange(message, new Map(owed), AbortSignal.any([stop.signal, this.#ended.signal]), true);
    } catch (error) {
      if (stop.signal.aborted || this.#ended.signal.aborted) return;
      this.options.note(`customhouse stdio: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      for (const id of owed.keys()) this.#inFlight.delete(id);
    }
  }

  /** Sends a message and writes what comes back, until every request in it has its answer. */
  async #exchange(message: unknown, owed: Map<Id, JsonObject>, signal: AbortSignal, again: boolean): Promise<void> {
    try {
      let answer = await this.#post(message, signal);
      if (again && (await this.#mayRepeat(message, answer, signal))) return await this.#exchange(message, owed, signal, false);
      for (let tries = 0; ; tries += 1) {
        await this.#read(answer, owed);
        const { lastEventId, retry_ms } = answer.place;
        if (owed.size === 0 || lastEventId === undefined || this.#sessionId === undefined || tries >= resumptions) break;
        await sleep(retry_ms, undefined, { signal });
        answer = new PeekedAnswer(await this.#link.send('GET', undefined, { ...this.#sessionHeaders(), 'last-event-id': lastEventId }, signal), this.#sessionId);
      }
      if (answer.status >= 300 && owed.size === 0 && requestsIn(message).size === 0) throw new Error(`the gateway refused a message with HTTP ${answer.status}`);
      for (const id of owed.keys()) await this.#write(failure(id, 'outcome-unknown', `the gateway answered with HTTP ${answer.status}, and nothing that answers the request`));
    } catch (error) {
      if (!(error instanceof LinkFailure)) throw error;
      for (const id of owed.keys()) await this.#write(failure(id, error.rule, error.message));
      if (owed.size === 0) throw error;
    }
  }

  async #post(message: unknown, signal: AbortSignal): Promise<PeekedAnswer> {
    const begins = isObject(message) && message['method'] === 'initialize' && modernRevisionOf(message) === undefined;
    const own = isObject(message) && modernRevisionOf(message) !== undefined ? this.#headers.of(message) : begins ? {} : this.#sessionHeaders();
    const askedIn = this.#sessionId;
    const answer = await this.#link.send('POST', JSON.stringify(message), own, signal);
    if (begins && answer.sessionId !== undefined) {
      this.#sessionId = answer.sessionId;
      this.#initialize = message;
    }
    if (isObject(message) && message['method'] === 'notifications/initialized' && answer.status < 300) this.#stand();
    return new PeekedAnswer(answer, askedIn);
  }

  /** Whether the answer is a refusal that says what was missing, and it is there now. */
  async #mayRepeat(message: unknown, answer: PeekedAnswer, signal: AbortSignal): Promise<boolean> {
    if (answer.status !== 400 && answer.status !== 404) return false;
    const error = await answer.error();
    if (error === undefined) return false;
    const { code, data } = error;
    const rule = isObject(data) ? data['rule'] : undefined;
    if (code === -32020 && isObject(message) && message['method'] === 'tools/call') return this.#learnTools(message, signal);
    if (rule !== 'session-unknown' || this.#initialize === undefined) return false;
    // Somebody else found out meanwhile, and opened another one.
    if (this.#reopening === undefined && answer.askedIn !== this.#sessionId) return true;
    return (this.#reopening ??= this.#reopen(this.#ended.signal).finally(() => (this.#reopening = undefined)));
  }

  async #reopen(signal: AbortSignal): Promise<boolean> {
    this.#sessionId = undefined;
    const answer = await this.#post({ ...this.#initialize, id: 'customhouse-stdio' }, signal);
    for await (const message of answer.messages) this.#observe({ method: 'initialize' }, message);
    if (this.#sessionId === undefined) return false;
    await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' }, signal);
    return true;
  }

  /** A client on standard streams need not have listed tools, and so nobody here knows which arguments are headers too. */
  async #learnTools(message: JsonObject, signal: AbortSignal): Promise<boolean> {
    const { progressToken: _token, ...meta } = (message['params'] as JsonObject)['_meta'] as JsonObject;
    let cursor: unknown;
    for (let page = 0; page < pages; page += 1) {
      const params = { _meta: meta, ...(cursor !== undefined && { cursor }) };
      const answer = await this.#post({ jsonrpc: '2.0', id: 'customhouse-stdio', method: 'tools/list', params }, signal);
      cursor = undefined;
      for await (const answered of answer.messages) {
        this.#headers.learn(isObject(answered) ? answered['result'] : undefined);
        if (isObject(answered) && isObject(answered['result'])) cursor = answered['result']['nextCursor'];
      }
      if (typeof cursor !== 'string') return true;
    }
    return true;
  }

  async #read(answer: Answer, owed: Map<Id, JsonObject>): Promise<void> {
    // A refused notification or answer has nobody who waits to hear of it.
    const awaited = owed.size > 0;
    for await (const message of answer.messages) {
      for (const item of Array.isArray(message) ? message : [message]) {
        if (!isObject(item) || 'method' in item) continue;
        // An error about the whole request has no id of its own.
        if (item['id'] === null && owed.size === 1) item['id'] = owed.keys().next().value!;
        const request = owed.get(item['id'] as Id);
        if (request !== undefined) this.#observe(request, item);
        owed.delete(item['id'] as Id);
      }
      if (awaited || !isObject(message) || 'method' in message) await this.#write(message);
    }
  }

  #observe(request: JsonObject, answer: unknown): void {
    const result = isObject(answer) ? answer['result'] : undefined;
    if (!isObject(result)) return;
    if (request['method'] === 'initialize' && typeof result['protocolVersion'] === 'string') this.#protocol = result['protocolVersion'];
    if (request['method'] === 'tools/list') this.#headers.learn(result);
  }

  #sessionHeaders(): Record<string, string> {
    return {
      ...(this.#sessionId !== undefined && { 'mcp-session-id': this.#sessionId }),
      ...(this.#protocol !== undefined && { 'mcp-protocol-version': this.#protocol }),
    };
  }

  /** What belongs to no request comes on a stream of its own, opened again whenever it ends. */
  #stand(): void {
    if (this.#standing) return;
    this.#standing = true;
    void this.#keepStanding().finally(() => (this.#standing = false));
  }

  async #keepStanding(): Promise<void> {
    const { signal } = this.#ended;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const answer = await this.#link.send('GET', undefined, this.#sessionHeaders(), signal);
        if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) return;
        if (answer.status === 200) failures = 0;
        for await (const message of answer.messages) if (answer.status === 200) await this.#write(message);
      } catch (error) {
        if (!(error instanceof LinkFailure)) return;
      }
      await sleep(Math.min(standing.max_ms, standing.min_ms * 2 ** Math.min(failures, 5)), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** One line after the other, as fast as the client reads. */
  #write(message: unknown): Promise<unknown> {
    const { output } = this.options;
    const line = `${JSON.stringify(message)}\n`;
    this.#writing = this.#writing.then(async () => {
      if (!output.destroyed && !output.write(line)) await Promise.race([once(output, 'drain'), once(output, 'close')]).catch(() => undefined);
    });
    return this.#writing;
  }

  async #leave(): Promise<void> {
    if (this.#sessionId === undefined) return;
    // A gateway that does not take leave ends the session by its own time limit.
    await this.#link.send('DELETE', undefined, this.#sessionHeaders(), AbortSignal.timeout(2_000)).catch(() => undefined);
  }
}

/** An answer whose first message can be looked at before it is read. */
class PeekedAnswer implements Answer {
  readonly status: number;
  readonly sessionId: string | undefined;
  readonly place: Answer['place'];
  readonly messages: AsyncIterable<unknown>;
  #first: Promise<IteratorResult<unknown>> | undefined;
  readonly #iterator: AsyncIterator<unknown>;

  constructor(
    answer: Answer,
    /** The session that the request named. */
    readonly askedIn: string | undefined,
  ) {
    ({ status: this.status, sessionId: this.sessionId, place: this.place } = answer);
    this.#iterator = answer.messages[Symbol.asyncIterator]();
    this.messages = { [Symbol.asyncIterator]: () => ({ next: () => this.#next(), return: async () => (await this.#iterator.return?.()) ?? { done: true, value: undefined } }) };
  }

  /** The error that the first message is. */
  async error(): Promise<JsonObject | undefined> {
    this.#first ??= this.#iterator.next();
    const { value } = (await this.#first) as { value: unknown };
    return isObject(value) && isObject(value['error']) ? value['error'] : undefined;
  }

  #next(): Promise<IteratorResult<unknown>> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#iterator.next();
  }
}
