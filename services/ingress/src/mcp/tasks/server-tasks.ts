import { errorCodes } from '@customhouse/mcp-wire/errors';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Call } from '../call.js';
import { linkTo } from '../asks/client-link.js';
import type { Dispatched } from '../dispatch.js';
import type { Parts } from '../parts.js';
import { answersTo, questionsIn } from '../asks/server-questions.js';
import { aboutTask, followToEnd, isOver, passMessage, unreachable, untilNextLook, type Follower } from './server-task-call.js';
import type { ServerTask } from './server-task-wish.js';

/** Whether a modern server has begun a task instead of answering. */
export function isTask(answer: Dispatched): answer is { readonly result: ServerTask } {
  return 'result' in answer && answer.result['resultType'] === 'task' && typeof answer.result['taskId'] === 'string';
}

/**
 * Follows the task of a server of 2026-07-28 until it has ended: its end is the outcome of the call, which is recorded as such. What the server asks
 * meanwhile is asked of the client. A client that knows tasks is told that it is one; every other one waits for the outcome. Does not reject, except by a
 * fault of ours.
 */
export function followTask(call: Call, parts: Parts, created: ServerTask): Promise<Dispatched> {
  return followToEnd(call, parts, created, new TaskFollower(call, parts, created.taskId));
}

class TaskFollower implements Follower {
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

  async follow(created: JsonObject): Promise<Dispatched | undefined> {
    let task = created;
    while (!isOver(this.call)) {
      const end = endIn(task);
      if (end !== undefined) return end;
      passMessage(this.call, this.parts, task['statusMessage']);
      if (task['status'] === 'input_required') await this.#answer(task);
      await this.#passAnswers();
      await untilNextLook(this.call, task['pollIntervalMs']);
      if (isOver(this.call)) break;
      const answer = await this.#send('tasks/get', {});
      if ('result' in answer) {
        this.#failures = 0;
        task = answer.result;
      } else if ('error' in answer) return { error: answer.error };
      else if ((this.#failures += 1) > this.parts.settings.breakerFailures) return unreachable(this.call);
    }
    return undefined;
  }

  abandon(): Promise<Dispatched> {
    return this.#send('tasks/cancel', {});
  }

  /** Does not reject. */
  #send(method: string, params: JsonObject): Promise<Dispatched> {
    const { call, parts, taskId } = this;
    return aboutTask(call, parts, { method, params: { ...params, taskId } }, { profile: linkTo(call, parts).profile });
  }

  async #answer(task: JsonObject): Promise<void> {
    const questions = questionsIn(task['inputRequests']).filter(([name]) => !this.#answered.has(name));
    if (questions.length === 0) return;
    for (const [name] of questions) this.#answered.add(name);
    const answers = await answersTo(questions, this.call, this.parts);
    // What cannot be answered ends the task: its server waits for nothing else.
    if ('error' in answers) await this.#send('tasks/cancel', {});
    else this.#answers = { ...this.#answers, ...answers.answers };
  }

  /** Answers are kept until the server has them: the client was asked, and is not asked again because the server could not be reached. */
  async #passAnswers(): Promise<void> {
    if (this.#answers === undefined) return;
    const taken = await this.#send('tasks/update', { inputResponses: this.#answers });
    if (!('kind' in taken)) this.#answers = undefined;
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
