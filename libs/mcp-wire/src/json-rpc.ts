import type { Json } from '@customhouse/kernel/canonical';

export type JsonObject = { [name: string]: Json };
export type RequestId = string | number;

/** What a parsed message is. `invalid` is everything that JSON-RPC 2.0 or MCP does not allow. */
export type MessageKind = 'request' | 'notification' | 'result' | 'error' | 'invalid';

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** MCP narrows JSON-RPC: an id is a string or a whole number, and never null. */
export function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value));
}

/**
 * Looks at the envelope only. An error answer may have the id null (or none): that is how a peer says that it could not
 * read the request's id, and nobody can tell which request it meant.
 */
export function classify(message: unknown): MessageKind {
  if (!isJsonObject(message) || message['jsonrpc'] !== '2.0') return 'invalid';
  if ('method' in message) return classifyCall(message);
  if ('result' in message) return !('error' in message) && isRequestId(message['id']) && isJsonObject(message['result']) ? 'result' : 'invalid';
  if ('error' in message) return isErrorObject(message['error']) && (message['id'] === undefined || message['id'] === null || isRequestId(message['id'])) ? 'error' : 'invalid';
  return 'invalid';
}

function classifyCall(message: JsonObject): MessageKind {
  if (typeof message['method'] !== 'string' || 'result' in message || 'error' in message) return 'invalid';
  if ('params' in message && !isJsonObject(message['params'])) return 'invalid';
  if (!('id' in message)) return 'notification';
  return isRequestId(message['id']) ? 'request' : 'invalid';
}

function isErrorObject(value: unknown): boolean {
  return isJsonObject(value) && typeof value['code'] === 'number' && Number.isInteger(value['code']) && typeof value['message'] === 'string';
}
