import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { ClientAsks } from '../asks/client-asks.js';
import type { Reply } from '../answers/dialect.js';
import type { Exchange } from '../http/exchange.js';
import { LegacyClient, type Aside } from '../asks/legacy-client.js';
import type { Session } from '../sessions/sessions.js';
import type { Task, TaskOwner, TaskTerms } from '../tasks/task.js';
import { legacyTask, relatedTo } from '../tasks/words.js';

/** What becomes of a request that asked for a task. */
export interface TaskRequest {
  readonly id: RequestId;
  /** What the task would stand for now. */
  terms(): TaskTerms;
  /** Keeps the task. The request itself cannot be cancelled any more. */
  begin(client: LegacyTaskClient, terms: TaskTerms): Task;
}

/**
 * A client of 2025-11-25 that asked for a task. Its request is answered as soon as the call is recorded; from then on it is told and asked things on
 * the stream of a request for the end of the task (`tasks/result`), and told on its standing stream when it has none of those.
 */
export class LegacyTaskClient extends LegacyClient implements TaskOwner {
  readonly takesTasks = true;
  #task: Task | undefined;
  /** Requests of the server that are not answered yet, by the ids that they have on this hop. */
  readonly #open = new Map<string, JsonObject>();
  /** The client waits for the end of the task on it. */
  #listener: Exchange | undefined;
  #told = '';

  constructor(
    call: string,
    session: Session,
    exchange: Exchange,
    asks: ClientAsks,
    aside: Aside,
    private readonly request: TaskRequest,
  ) {
    super(call, session, exchange, asks, aside);
  }

  begun(): void {
    this.becomeTask(this.request.terms());
  }

  becomeTask(terms: TaskTerms): boolean {
    if (this.#task !== undefined) return true;
    if (this.exchange.gone) return false;
    const task = (this.#task = this.request.begin(this, terms));
    const created = legacyTask(task.view());
    this.#told = String(created['status']);
    this.exchange.reply(this.request.id, { result: { task: created } });
    task.onChange(() => this.#tellStatus(task));
    return true;
  }

  taskSays(message: string | undefined): void {
    this.#task?.says(message);
  }

  /** The call has ended. Errors that come before there is a task are what the request is answered with; whatever else comes then is the end of a task. */
  finish(reply: Reply | undefined): void {
    if (this.#task === undefined && (reply === undefined || 'error' in reply || !this.becomeTask(this.request.terms()))) return this.exchange.reply(this.request.id, reply);
    this.#task!.end(reply);
  }

  /** The client waits for the end on this exchange. What it was asked before, and perhaps did not hear, it is asked again there. */
  attach(exchange: Exchange): void {
    if (this.#listens()) return;
    this.#listener = exchange;
    for (const message of this.#open.values()) exchange.deliver(JSON.stringify(message), performance.now());
  }

  questions(): JsonObject {
    return Object.fromEntries(this.#open);
  }

  /** Answers of this revision come as messages of their own: client-asks.ts. */
  tell(): void {}

  override notify(method: string, params: JsonObject | undefined): void {
    if (this.#task !== undefined) this.#say(method, relatedTo(this.#task.taskId, params ?? {}));
  }

  override onAnswered(listener: () => void): void {
    if (this.#task === undefined) super.onAnswered(listener);
    else this.#task.onCollected(listener);
  }

  /** A task waits for its server, not on a stream of the client. */
  override pause(): void {}

  protected override deliver(message: JsonObject): boolean {
    const task = this.#task;
    if (task === undefined || task.over) return super.deliver(message);
    const { id, params } = message;
    const related = { ...message, params: relatedTo(task.taskId, params as JsonObject) };
    if (typeof id !== 'string') return this.#pass(related);
    this.#open.set(id, related);
    if (this.#listens()) this.#listener!.deliver(JSON.stringify(related), performance.now());
    task.changed();
    // It is asked when it comes for the end of the task, as it does when it hears that its input is required.
    return true;
  }

  protected override settled(id: string): void {
    if (this.#open.delete(id)) this.#task?.changed();
  }

  #tellStatus(task: Task): void {
    const params = legacyTask(task.view());
    const told = `${String(params['status'])} ${String(params['statusMessage'])}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#say('notifications/tasks/status', params);
  }

  #say(method: string, params: JsonObject): void {
    this.#pass({ jsonrpc: '2.0', method, params });
  }

  #pass(message: JsonObject): boolean {
    return (this.#listens() && this.#listener!.deliver(JSON.stringify(message), performance.now())) || this.aside(this.session.id, message);
  }

  #listens(): boolean {
    return this.#listener !== undefined && !this.#listener.ended && !this.#listener.gone;
  }
}
