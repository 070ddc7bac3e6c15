import { timestamp } from '@customhouse/kernel/time';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { isVerdict } from '../answers/reply.js';
import type { TaskState, TaskView } from './task.js';

/** Member of `_meta` by which a message of 2025-11-25 says which task it belongs to. */
export const relatedTask = 'io.modelcontextprotocol/related-task';

/** A task as the extension of 2026-07-28 has it, with all that there is of its state. */
export function modernTask(view: TaskView): JsonObject {
  const seen = { ...headOf(view), ttlMs: view.ttl_ms, pollIntervalMs: view.poll_ms };
  const { state } = view;
  switch (state.status) {
    case 'input_required':
      return { ...seen, status: 'input_required', inputRequests: state.questions };
    case 'ended':
      return 'result' in state.reply
        ? { ...seen, status: 'completed', result: { resultType: 'complete', ...state.reply.result } }
        : { ...seen, status: 'failed', error: state.reply.error };
    default:
      return { ...seen, status: state.status };
  }
}

/** A task as 2025-11-25 has it. Its end is asked for with a request of its own, which clients may not make for one that failed. */
export function legacyTask(view: TaskView): JsonObject {
  const status = legacyStatus(view.state);
  const why = status === 'failed' ? reasonIn(view.state) : undefined;
  return { ...headOf(view), status, ...(why !== undefined && { statusMessage: why }), ttl: view.ttl_ms, pollInterval: view.poll_ms };
}

function headOf({ taskId, created, updated, message }: TaskView): JsonObject {
  return { taskId, createdAt: timestamp(created), lastUpdatedAt: timestamp(updated), ...(message !== undefined && { statusMessage: message }) };
}

/** In this revision a tool that says of itself that it failed has failed as a task. What the gateway decided is for the agent to read, so that completes it. */
function legacyStatus(state: TaskState): string {
  if (state.status !== 'ended') return state.status;
  if ('error' in state.reply) return 'failed';
  return state.reply.result['isError'] !== true || isVerdict(state.reply.result) ? 'completed' : 'failed';
}

const longestReason = 500;

function reasonIn(state: TaskState): string | undefined {
  if (state.status !== 'ended') return undefined;
  if ('error' in state.reply) return state.reply.error.message.slice(0, longestReason);
  const { content } = state.reply.result;
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  return isJsonObject(first) && typeof first['text'] === 'string' ? first['text'].slice(0, longestReason) : undefined;
}

/** Says of a result or of params which task they belong to. */
export function relatedTo(taskId: string, content: JsonObject): JsonObject {
  const meta = content['_meta'];
  return { ...content, _meta: { ...(isJsonObject(meta) ? meta : {}), [relatedTask]: { taskId } } };
}

/** The task that a message says it belongs to. */
export function relatedIn(content: unknown): string | undefined {
  const meta = isJsonObject(content) ? content['_meta'] : undefined;
  const related = isJsonObject(meta) ? meta[relatedTask] : undefined;
  const taskId = isJsonObject(related) ? related['taskId'] : undefined;
  return typeof taskId === 'string' ? taskId : undefined;
}

/** Tasks have another name on each hop. */
export function unrelated(content: JsonObject): JsonObject {
  const meta = content['_meta'];
  if (!isJsonObject(meta) || !(relatedTask in meta)) return content;
  const { [relatedTask]: _task, ...others } = meta;
  if (Object.keys(others).length > 0) return { ...content, _meta: others };
  const { _meta, ...rest } = content;
  return rest;
}
