import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { tasksExtension } from '@customhouse/mcp-wire/envelope';
import { notificationText } from '@customhouse/mcp-wire/messages';
import type { Envelope } from '@customhouse/mcp-wire/modern-request';
import { UpstreamFailed, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { confirmationKey } from '../../holds/confirmation.js';
import { lacking } from '../asks/client-capabilities.js';
import type { ClientSide, Page } from '../sessions/client-side.js';
import type { Reply } from '../answers/dialect.js';
import type { Exchange } from '../http/exchange.js';
import type { Task, TaskOwner, TaskTerms } from '../tasks/task.js';
import { modernTask } from '../tasks/words.js';

/** Least severe first. */
const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** Something that the server of a call wants to know of its client. */
interface Question {
  readonly method: string;
  readonly params: JsonObject;
  resolve(answer: UpstreamAnswer): void;
}

/** Keeps a client whose request has ended with questions, until it comes back: rounds.ts. */
export interface Waiting {
  /** The state that the client has to come back with. */
  park(client: ModernClient): string;
  /** Nobody may come back any more. */
  forget(client: ModernClient): void;
  /** A state that goes on with a held call until then (Unix milliseconds), and the name of its round. */
  handOut(approval: string, until: number): { readonly round: string; readonly state: string };
  /** Keeps a call that is a task now. */
  begin(client: ModernClient, terms: TaskTerms): Task;
}

/**
 * A client of the revision 2026-07-28. It is told things on the stream of its request. It cannot be asked: its request ends with the questions, and
 * it comes back with the answers in another request, while the call goes on.
 */
export class ModernClient implements ClientSide, TaskOwner {
  /** Once the call is a task: the client asks how it is going, and its requests do not wait. */
  #task: Task | undefined;
  readonly #questions = new Map<string, Question>();
  #exchange: Exchange;
  #requestId: RequestId;
  #answers: JsonObject;
  #flushing: NodeJS.Immediate | undefined;
  /** The request has ended with questions, and the next one is not here yet. */
  #away = false;
  /** What the call ended with while the client was away. */
  #missed: { readonly reply: Reply | undefined } | undefined;
  #onBack: (() => void) | undefined;
  #count = 0;

  /**
   * `answers`: what the client said of its own accord, by the names that the server gives its questions. `cancel` is called when it ends the stream of
   * its request, which is how a client of this revision cancels.
   */
  constructor(
    exchange: Exchange,
    requestId: RequestId,
    private readonly envelope: Envelope,
    private readonly waiting: Waiting,
    private readonly cancel: () => void,
    answers: JsonObject = {},
    /** The method of the request is one whose results may ask for input. */
    private readonly inRounds = true,
  ) {
    this.#exchange = exchange;
    this.#requestId = requestId;
    this.#answers = answers;
    exchange.watch({ clientGone: cancel });
  }

  get capabilities(): JsonObject {
    return this.envelope.capabilities;
  }

  notify(method: string, params: JsonObject | undefined): void {
    if (this.#away || (method === 'notifications/message' && !this.#wantsLog(params))) return;
    this.#exchange.notify(notificationText(method, params), performance.now());
  }

  ask(method: string, params: JsonObject, signal: AbortSignal, _onProgress?: (params: JsonObject) => void, key?: string): Promise<UpstreamAnswer> {
    const name = this.#nameFor(key);
    const said = Object.hasOwn(this.#answers, name) ? this.#answers[name] : undefined;
    if (isJsonObject(said)) return Promise.resolve({ result: said });
    if (signal.aborted || this.#exchange.gone) return Promise.reject(new UpstreamFailed('closed', 'no', 'the client of the call is gone'));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#questions.delete(name);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        const late = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
        reject(new UpstreamFailed(late ? 'timeout' : 'cancelled', 'maybe', late ? 'the client did not answer in time' : 'nobody waits for the answer of the client any more'));
      };
      signal.addEventListener('abort', onAbort);
      this.#questions.set(name, {
        method,
        params,
        resolve: (answer) => {
          end();
          resolve(answer);
        },
      });
      this.#task?.changed();
      this.#askSoon();
    });
  }

  get takesTasks(): boolean {
    return takesTasks(this.capabilities);
  }

  becomeTask(terms: TaskTerms): boolean {
    if (this.#task !== undefined) return true;
    if (this.#away || this.#exchange.gone || !this.takesTasks) return false;
    this.#task = this.waiting.begin(this, terms);
    this.#away = true;
    this.#exchange.reply(this.#requestId, { result: { resultType: 'task', ...modernTask(this.#task.view()) } });
    return true;
  }

  /** Nothing of the call stays with this request: the one that comes back finds it by its state. */
  visit({ url, message, approval, until, onHandedOut }: Page): 'left' | undefined {
    const question = { mode: 'url', message, url };
    if (this.#away || this.#exchange.gone || !this.inRounds || lacking(this.capabilities, 'elicitation/create', question) !== undefined) return undefined;
    const { round, state } = this.waiting.handOut(approval, until);
    onHandedOut(round);
    const inputRequests = { [confirmationKey]: { method: 'elicitation/create', params: question } };
    this.finish({ result: { resultType: 'input_required', inputRequests, requestState: state } });
    return 'left';
  }

  get away(): boolean {
    return this.#away;
  }

  /** While the client is away it has no answer: that is given to the request with which it comes back. */
  onAnswered(listener: () => void): void {
    if (this.#task !== undefined) this.#task.onCollected(listener);
    else if (this.#away) this.#onBack = listener;
    else this.#exchange.onDelivered(listener);
  }

  taskSays(message: string | undefined): void {
    this.#task?.says(message);
  }

  questions(): JsonObject {
    return Object.fromEntries([...this.#questions].map(([name, { method, params }]) => [name, { method, params }]));
  }

  /** Takes answers to questions of the task; those that nobody asked are not looked at. */
  tell(answers: JsonObject): void {
    this.#answers = answers;
    this.#settle();
    this.#task?.changed();
  }

  /** The client is back, with a request that is now the one that is answered. Questions that it did not answer are asked again. */
  comeBack(exchange: Exchange, requestId: RequestId, answers: JsonObject): void {
    this.#exchange = exchange;
    this.#requestId = requestId;
    this.#answers = answers;
    this.#away = false;
    exchange.watch({ clientGone: this.cancel });
    if (this.#missed !== undefined) {
      exchange.reply(requestId, this.#missed.reply);
      if (this.#onBack !== undefined) exchange.onDelivered(this.#onBack);
      return;
    }
    this.#settle();
    if (this.#questions.size > 0) this.#askSoon();
  }

  /** The call has ended. A client that is away is told when it comes back. */
  finish(reply: Reply | undefined): void {
    clearImmediate(this.#flushing);
    if (this.#task !== undefined) return this.#task.end(reply);
    if (this.#away) this.#missed = { reply };
    else {
      this.waiting.forget(this);
      this.#exchange.reply(this.#requestId, reply);
    }
  }

  /** Questions that come together are asked together. */
  #askSoon(): void {
    if (this.#away) return;
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      this.#leave();
    });
  }

  #leave(): void {
    if (this.#questions.size === 0 || this.#exchange.gone) return;
    this.#away = true;
    this.#exchange.reply(this.#requestId, { result: { resultType: 'input_required', inputRequests: this.questions(), requestState: this.waiting.park(this) } });
  }

  #settle(): void {
    for (const [name, question] of [...this.#questions]) {
      const said = Object.hasOwn(this.#answers, name) ? this.#answers[name] : undefined;
      if (isJsonObject(said)) question.resolve({ result: said });
    }
  }

  /** The server's own name where it has given one. */
  #nameFor(key: string | undefined): string {
    if (key !== undefined && !this.#questions.has(key)) return key;
    do this.#count += 1;
    while (this.#questions.has(`question-${this.#count}`));
    return `question-${this.#count}`;
  }

  #wantsLog(params: JsonObject | undefined): boolean {
    const wanted = logLevels.indexOf(this.envelope.logLevel ?? '');
    return wanted >= 0 && logLevels.indexOf(String(params?.['level'])) >= wanted;
  }
}

/** Whether a client knows tasks. */
export function takesTasks({ extensions }: JsonObject): boolean {
  return isJsonObject(extensions) && isJsonObject(extensions[tasksExtension]);
}
