import { errorCodes } from '@customhouse/mcp-wire/errors';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { UpstreamRequest } from '../../upstreams/errand.js';
import type { Call } from '../call.js';
import { linkTo } from '../asks/client-link.js';
import type { Dispatched } from '../dispatch.js';
import type { Parts } from '../parts.js';
import { aboutTask, followToEnd, isOver, passMessage, unreachable, untilNextLook, type Follower } from './server-task-call.js';
import type { ServerTask } from './server-task-wish.js';
import { relatedTo, unrelated } from './words.js';

/**
 * Follows the task of a server of 2025-11-25 until it has ended, as `followTask` does for one of the other era. The end has to be asked for, and while the
 * server needs input it asks on the stream of that request. Does not reject, except by a fault of ours.
 */
export function followLegacyTask(call: Call, parts: Parts, created: ServerTask): Promise<Dispatched> {
  return followToEnd(call, parts, created, new LegacyTaskFollower(call, parts, created.taskId));
}

class LegacyTaskFollower implements Follower {
  /** A request for the end is under way. */
  #asking = false;
  #end: UpstreamAnswer | undefined;
  #failures = 0;
  /** Aborted when nobody waits for the end any more. */
  readonly #stop = new AbortController();

  constructor(
    private readonly call: Call,
    private readonly parts: Parts,
    private readonly taskId: string,
  ) {}

  async follow(created: JsonObject): Promise<Dispatched | undefined> {
    let task = created;
    while (!isOver(this.call)) {
      if (task['status'] === 'cancelled') return { error: { code: errorCodes['internal-error'], message: 'the server cancelled its task' } };
      passMessage(this.call, this.parts, task['statusMessage']);
      if (task['status'] !== 'working') void this.#askForEnd();
      await untilNextLook(this.call, task['pollInterval'], () => this.#end !== undefined);
      if (this.#end !== undefined) return this.#end;
      if (isOver(this.call)) break;
      const answer = await this.#send('tasks/get');
      if ('result' in answer) {
        this.#failures = 0;
        task = answer.result;
      } else if ('error' in answer) return this.#end ?? { error: answer.error };
      else if ((this.#failures += 1) > this.parts.settings.breakerFailures) return unreachable(this.call);
    }
    return undefined;
  }

  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.#send('tasks/cancel');
  }

  #send(method: string): Promise<Dispatched> {
    const { call, parts, taskId } = this;
    return aboutTask(call, parts, { method, params: { taskId } }, { profile: linkTo(call, parts).profile });
  }

  /** Does not reject. A request that breaks is made again at the next look, if it is still needed then. */
  async #askForEnd(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { call, parts, taskId } = this;
    const { profile, onMessage, onRequest } = linkTo(call, parts);
    const answer = await aboutTask(
      call,
      parts,
      { method: 'tasks/result', params: { taskId } },
      {
        profile,
        due: call.due,
        more_ms: () => call.more_ms(performance.now()),
        onSending: () => this.#stop.signal,
        onMessage: onMessage && ((message) => onMessage({ ...message, params: unrelated((message['params'] ?? {}) as JsonObject) })),
        onRequest: onRequest && ((request) => onRequest(this.#withoutTheirName(request))),
      },
    );
    this.#asking = false;
    if ('result' in answer) this.#end = { result: unrelated(answer.result) };
    else if ('error' in answer) this.#end = answer;
  }

  /** The client knows the task by another name, or does not know that there is one. */
  #withoutTheirName(request: UpstreamRequest): UpstreamRequest {
    return {
      ...request,
      params: unrelated(request.params),
      respond: (answer) => request.respond('result' in answer ? { result: relatedTo(this.taskId, answer.result) } : answer),
    };
  }
}
