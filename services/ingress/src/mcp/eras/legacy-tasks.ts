import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { errorObject } from '@customhouse/mcp-wire/messages';
import type { HoldDesk } from '../../holds/hold-desk.js';
import type { Reply } from '../answers/dialect.js';
import type { Exchange } from '../http/exchange.js';
import { Failure } from '../failure.js';
import type { Parts } from '../parts.js';
import { Peers } from '../sessions/peers.js';
import type { Session } from '../sessions/sessions.js';
import { abandon, collect } from '../tasks/collect.js';
import type { Task, TaskView } from '../tasks/task.js';
import type { FoundTask, Tasks } from '../tasks/tasks.js';
import { legacyTask, relatedTo } from '../tasks/words.js';
import type { Posted } from './legacy.js';
import { LegacyTaskClient } from './legacy-task-client.js';

interface Tools {
  readonly tasks: Tasks;
  readonly parts: Parts;
  readonly peers: Peers;
}

const methods: ReadonlySet<unknown> = new Set(['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel']);

/** What a session of this revision can do with tasks; earlier ones know none. */
export function taskOffer({ protocol }: Pick<Session, 'protocol'>): JsonObject | undefined {
  return knowsTasks(protocol) ? { list: {}, cancel: {}, requests: { tools: { call: {} } } } : undefined;
}

/** Whether the client wants the call to be a task. */
export function wantsTask(method: string, params: JsonObject | undefined, { protocol }: Session): boolean {
  return method === 'tools/call' && knowsTasks(protocol) && isJsonObject(params?.['task']);
}

export function isTaskMethod(method: unknown, { protocol }: Session): boolean {
  return knowsTasks(protocol) && methods.has(method);
}

function knowsTasks(protocol: string): boolean {
  return protocol === '2025-11-25';
}

/** What clients of 2025-11-25 ask about their tasks. */
export class LegacyTasks {
  constructor(private readonly tools: Tools) {}

  /** Rejects with Failure. */
  async serve(message: JsonObject, session: Session, posted: Posted): Promise<void> {
    const { tasks, peers } = this.tools;
    const { exchange, caller } = posted;
    const id = message['id'] as RequestId;
    const params = isJsonObject(message['params']) ? message['params'] : {};
    if (message['method'] === 'tasks/list') {
      const own = tasks.list(caller, params['cursor']);
      return exchange.reply(id, { result: tasks.merge([own, ...(await peers.gather(exchange.request, message))]) });
    }
    const found = tasks.find(params['taskId'], caller, Peers.isForwarded(exchange.request));
    if (found.at === 'peer') return peers.forward(exchange.request, exchange.handOver(), JSON.stringify(message), found.url);
    switch (message['method']) {
      case 'tasks/get':
        return exchange.reply(id, { result: legacyTask(found.at === 'here' ? found.task.view() : await found.view()) });
      case 'tasks/cancel':
        return exchange.reply(id, { result: legacyTask(await cancelled(found, this.tools.parts.holds)) });
      default:
        return this.#result(id, found, session, posted);
    }
  }

  /** Waits until the task has ended, for as long as the client does. */
  async #result(id: RequestId, found: Exclude<FoundTask, { at: 'peer' }>, session: Session, { exchange, caller }: Posted): Promise<void> {
    const { active } = this.tools.parts;
    const stop = new AbortController();
    const waiting = {
      cancel: () => {
        stop.abort();
        exchange.forget();
      },
    };
    active.enter(caller.who);
    active.register(session.id, id, waiting);
    exchange.watch({ clientGone: () => stop.abort() });
    if (found.at === 'log' || !found.task.over) exchange.stream();
    try {
      const view = found.at === 'here' ? await endOf(found.task, exchange, stop.signal) : await found.view(stop.signal);
      if (stop.signal.aborted) return;
      if (view.state.status === 'working' || view.state.status === 'input_required')
        throw new Failure('not-ready', 'this process of the gateway stops; ask again, and another one knows how the task is going');
      exchange.reply(id, payload(view));
      exchange.onDelivered(() => collect(found, this.tools.parts.holds));
    } finally {
      active.unregister(session.id, id, waiting);
      active.leave(caller.who);
    }
  }
}

/** In this revision a task is cancelled from the moment that its client hears so, whatever comes of the call. */
async function cancelled(found: Exclude<FoundTask, { at: 'peer' }>, holds: HoldDesk): Promise<TaskView> {
  const view = found.at === 'here' ? found.task.view() : await found.view();
  if (view.state.status === 'ended' || view.state.status === 'cancelled') throw new Failure('invalid-params', 'the task has ended already');
  if (!abandon(found, holds)) throw new Failure('not-ready', 'nothing is known of who works on the task; try again shortly');
  if (found.at === 'here') found.task.end(undefined);
  return { ...view, state: { status: 'cancelled' } };
}

function endOf(task: Task, exchange: Exchange, signal: AbortSignal): Promise<TaskView> {
  if (!task.over && task.owner instanceof LegacyTaskClient) task.owner.attach(exchange);
  return new Promise((resolve) => {
    const look = (): void => {
      if (!task.over && !task.deserted && !signal.aborted) return;
      forget();
      resolve(task.view());
    };
    const forget = task.onChange(look);
    signal.addEventListener('abort', look);
    look();
  });
}

/** What the call would have been answered with. */
function payload({ taskId, state }: TaskView): Reply {
  if (state.status !== 'ended') return { error: errorObject('internal-error', 'the task was cancelled', { taskId }) };
  return 'result' in state.reply ? { result: relatedTo(taskId, state.reply.result) } : state.reply;
}
