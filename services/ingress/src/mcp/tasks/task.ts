import type { Position } from '@customhouse/event-log/port';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Call } from '../call.js';
import type { Reply } from '../answers/dialect.js';

/** What a task stands for, and what its client is told of it. */
export interface TaskTerms {
  /** ULID of the call. */
  readonly call: string;
  readonly method: GovernedMethod;
  /** Where the intent of the call is in the log; undefined where its record is not awaited. */
  readonly position: Position | undefined;
  /** For how long a client may ask about it. */
  readonly ttl_ms: number;
  /** How often it is asked to look. */
  readonly poll_ms: number;
  /** How it is going, in words. */
  readonly message?: string;
  /** Its client does not want it any more. */
  abandon(): void;
}

/** How a task is going, before an era of MCP puts it into its words: words.ts. */
export interface TaskView {
  readonly taskId: string;
  /** Unix milliseconds. */
  readonly created: number;
  readonly updated: number;
  readonly ttl_ms: number;
  readonly poll_ms: number;
  readonly message: string | undefined;
  readonly state: TaskState;
}

export type TaskState =
  | { readonly status: 'working' }
  /** What the client has to answer, by names. */
  | { readonly status: 'input_required'; readonly questions: JsonObject }
  | { readonly status: 'ended'; readonly reply: Reply }
  | { readonly status: 'cancelled' };

/** The client that a task belongs to. */
export interface TaskOwner {
  /** What it was asked and has not answered yet, by names. */
  questions(): JsonObject;
  /** Answers that come with a request of their own, by the names of the questions. */
  tell(answers: JsonObject): void;
}

/** How often a client is asked to look after a task that a server works on. */
const poll_ms = 1_000;

/** Of a call that a server works on. */
export function termsOf(call: Call, taskTimeout_ms: number): TaskTerms {
  return { call: call.id, method: call.method, position: call.intent?.position, ttl_ms: 2 * taskTimeout_ms, poll_ms, abandon: () => call.cancel() };
}

/** A call that its client asks about, instead of waiting for the answer on the request that it came with. */
export class Task {
  readonly #created: number;
  #updated: number;
  #message: string | undefined;
  #end: { readonly reply: Reply | undefined } | undefined;
  #given = false;
  /** This process stops: what comes of it is found in the log. */
  deserted = false;
  readonly #listeners = new Set<() => void>();
  readonly #collectors = new Set<() => void>();

  constructor(
    readonly taskId: string,
    readonly terms: TaskTerms,
    readonly owner: TaskOwner,
    private readonly now: () => number,
    private readonly onEnded: () => void,
  ) {
    this.#created = now();
    this.#updated = this.#created;
    this.#message = terms.message;
  }

  /** There is nothing more to come. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  view(): TaskView {
    const { taskId, terms } = this;
    const updated = Math.max(this.#created, this.#updated);
    return { taskId, created: this.#created, updated, ttl_ms: terms.ttl_ms, poll_ms: terms.poll_ms, message: this.#message, state: this.#state() };
  }

  /** How it is going, in words that the client may see; undefined takes them back. */
  says(message: string | undefined): void {
    if (this.over || message === this.#message) return;
    this.#message = message;
    this.changed();
  }

  /** What can be seen of it is different from now on. */
  changed(): void {
    this.#updated = this.now();
    for (const listener of [...this.#listeners]) listener();
  }

  /** The end of the call; undefined: there is nobody to tell, because it was cancelled. What comes later does not count. */
  end(reply: Reply | undefined): void {
    if (this.over) return;
    this.#end = { reply };
    this.#message = undefined;
    this.onEnded();
    this.changed();
    this.#listeners.clear();
  }

  abandon(): void {
    if (!this.over) this.terms.abandon();
  }

  /** Whoever waits for it here is told to ask elsewhere. */
  desert(): void {
    this.deserted = true;
    for (const listener of [...this.#listeners]) listener();
  }

  /** To be told of each change, until the function that is returned is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back once the client has the answer. */
  onCollected(listener: () => void): void {
    if (this.#given) listener();
    else this.#collectors.add(listener);
  }

  /** The client has the answer. */
  collected(): void {
    this.#given = true;
    for (const listener of this.#collectors) listener();
    this.#collectors.clear();
  }

  #state(): TaskState {
    if (this.#end !== undefined) return stateOf(this.#end.reply);
    const questions = this.owner.questions();
    return Object.keys(questions).length === 0 ? { status: 'working' } : { status: 'input_required', questions };
  }
}

export function stateOf(reply: Reply | undefined): TaskState {
  return reply === undefined ? { status: 'cancelled' } : { status: 'ended', reply };
}
