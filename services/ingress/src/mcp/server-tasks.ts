import { errorCodes } from '@customhouse/mcp-wire/errors';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Errand } from '../upstreams/errand.js';
import type { Call } from './call.js';
import { linkTo } from './client-link.js';
import { endOf, type Dispatched } from './dispatch.js';
import type { Parts } from './parts.js';
import { answersTo, questionsIn } from './server-questions.js';

/** Between two looks at a task, whatever the server wants. */
const pause = { least_ms: 200, usual_ms: 1_000, most_ms: 30_000 };

/** Whether a modern server has begun a task instead of answering. */
export function isTask(answer: Dispatched): answer is { readonly result: JsonObject & { taskId: string } } {
  return 'result' in answer && answer.result['resultType'] === 'task' && typeof answer.result['taskId'] === 'string';
}

/**
 * Follows the task of a server until it has ended: its end is the outcome of the call, which is recorded as such. What the server asks meanwhile is
 * asked of the client. A client that knows tasks is told that it is one; every other one waits for the outcome. Does not reject, except by a fault of ours.
 */
export async function followTask(call: Call, parts: Parts, created: JsonObject & { taskId: string }): Promise<Dispatched> {
  const follower = new TaskFollower(call, parts, created.taskId);
  call.due = performance.now() + parts.settings.taskTimeout_ms;
  call.client?.becomeTask?.();
  const end = await follower.follow(created);
  if (end !== undefined) return end;
  await follower.send('tasks/cancel', {});
  return call.cancelled
    ? { kind: 'lost', reason: 'cancelled', message: 'the call was cancelled while its server worked on it' }
    : { kind: 'lost', reason: 'timeout', message: `the task of the server "${call.server}" did not end within ${parts.settings.taskTimeout_ms} ms` };
}

class TaskFollower {
  /** Questions that were answered: a server may go on showing them for a while. */
  readonly #answered = new Set<string>();
  /** Answers that the server does not have yet. */
  #answers: JsonObject | undefined;
  #failures = 0;

  constructor(
    private readonly call: Call,
    private readonly parts: Parts,
    private readonly taskId: string,
  ) {}

  /** Undefined when the call was cancelled, or its time is over. */
  async follow(created: JsonObject): Promise<Dispatched | undefined> {
    let task = created;
    while (!this.#isOver) {
      const end = endIn(task);
      if (end !== undefined) return end;
      if (task['status'] === 'input_required') await this.#answer(task);
      await this.#passAnswers();
      await this.#wait(task['pollIntervalMs']);
      if (this.#isOver) break;
      const answer = await this.send('tasks/get', {});
      if ('result' in answer) {
        this.#failures = 0;
        task = answer.result;
      } else if ('error' in answer) return { error: answer.error };
      // A server that cannot be reached for a moment still works on its task.
      else if ((this.#failures += 1) > this.parts.settings.breakerFailures)
        return { kind: 'lost', reason: 'task-unreachable', message: `the server "${this.call.server}" no longer says how its task is going` };
    }
    return undefined;
  }

  /** Does not reject. */
  async send(method: string, params: JsonObject): Promise<Dispatched> {
    const { call, parts } = this;
    const server = parts.catalog.server(call.server);
    if (server === undefined) return { error: { code: errorCodes['upstream-unavailable'], message: `the server "${call.server}" is no longer registered` } };
    const { profile } = linkTo(call, parts);
    const errand: Errand = {
      method,
      params: { ...params, taskId: this.taskId },
      exposed: call.asked.name,
      who: call.caller.who,
      session: call.session.id,
      era: revisionOf(call.session.protocol)?.era,
      profile,
      due: performance.now() + parts.settings.callTimeout_ms,
      max_bytes: parts.settings.resultBytes,
      isCancelled: () => false,
      onSending: () => new AbortController().signal,
      onMessage: undefined,
      onRequest: undefined,
    };
    try {
      return await parts.sender.call(server, errand);
    } catch (error) {
      return endOf(error, `"${call.server}"`);
    }
  }

  get #isOver(): boolean {
    return this.call.cancelled || (this.call.asking === 0 && performance.now() >= this.call.due);
  }

  async #answer(task: JsonObject): Promise<void> {
    const questions = questionsIn(task['inputRequests']).filter(([name]) => !this.#answered.has(name));
    if (questions.length === 0) return;
    for (const [name] of questions) this.#answered.add(name);
    const answers = await answersTo(questions, this.call, this.parts);
    // What cannot be answered ends the task: its server waits for nothing else.
    if ('error' in answers) await this.send('tasks/cancel', {});
    else this.#answers = { ...this.#answers, ...answers.answers };
  }

  /** Answers are kept until the server has them: the client was asked, and is not asked again because the server could not be reached. */
  async #passAnswers(): Promise<void> {
    if (this.#answers === undefined) return;
    const taken = await this.send('tasks/update', { inputResponses: this.#answers });
    if (!('kind' in taken)) this.#answers = undefined;
  }

  /** Ends at once when the call is cancelled. */
  async #wait(interval: unknown): Promise<void> {
    const wanted = typeof interval === 'number' && interval > 0 ? interval : pause.usual_ms;
    const until = Math.min(performance.now() + Math.min(Math.max(wanted, pause.least_ms), pause.most_ms), Math.max(this.call.due, performance.now() + pause.least_ms));
    while (!this.call.cancelled && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, Math.min(pause.least_ms, until - performance.now())));
  }
}

function endIn({ status, result, error }: JsonObject): Dispatched | undefined {
  switch (status) {
    case 'completed':
      return isJsonObject(result) ? { result } : { error: { code: errorCodes['internal-error'], message: 'the server completed its task without a result' } };
    case 'failed':
      return { error: isError(error) ? error : { code: errorCodes['internal-error'], message: 'the server failed its task without saying why' } };
    case 'cancelled':
      return { error: { code: errorCodes['internal-error'], message: 'the server cancelled its task' } };
    default:
      return undefined;
  }
}

function isError(error: unknown): error is JsonRpcError {
  return isJsonObject(error) && Number.isInteger(error['code']) && typeof error['message'] === 'string';
}
