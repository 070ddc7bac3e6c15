import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Call } from '../call.js';
import type { Dispatched } from '../dispatch.js';

/** A task that a server has begun, with the rest of what it said of it. */
export type ServerTask = JsonObject & { readonly taskId: string };

/**
 * Whether a server of 2025-11-25 is asked to make a task of the call: where it takes it in no other way, and where it may be one and its client can look
 * after it.
 */
export function wantsServerTask({ method, served, client }: Call): boolean {
  if (method !== 'tools/call') return false;
  const execution = (served?.described as JsonObject | undefined)?.['execution'];
  const support = isJsonObject(execution) ? execution['taskSupport'] : undefined;
  return support === 'required' || (support === 'optional' && client?.takesTasks === true);
}

/** The task with which a server of 2025-11-25 answered a call. A result may have a member of this name as well, but content besides. */
export function legacyTaskIn(answer: Dispatched, call: Call): ServerTask | undefined {
  if (!('result' in answer) || 'content' in answer.result || !wantsServerTask(call)) return undefined;
  const { task } = answer.result;
  return isJsonObject(task) && typeof task['taskId'] === 'string' ? (task as ServerTask) : undefined;
}
