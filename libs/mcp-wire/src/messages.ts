import type { Json } from '@customhouse/kernel/canonical';
import { errorCodes, type ErrorRule } from './errors.js';
import type { JsonObject, RequestId } from './json-rpc.js';

export type JsonRpcErrorObject = JsonObject & { readonly code: number; readonly message: string };

/** The text of a JSON-RPC answer whose result is already text. */
export function resultText(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${result}}`;
}

/** An error of ours. The rule travels in `data.rule`, so that programs need not read the message. */
export function errorObject(rule: ErrorRule, message: string, data?: JsonObject): JsonRpcErrorObject {
  return { code: errorCodes[rule], message, data: { rule, ...data } };
}

/** The text of an error of ours. */
export function errorText(id: RequestId | null, rule: ErrorRule, message: string, data?: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: errorObject(rule, message, data) });
}

/** The text of an error that a server answered with, as it came. */
export function relayedErrorText(id: RequestId, error: Json): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify(error)}}`;
}

export function notificationText(method: string, params?: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

function idText(id: RequestId): string {
  return typeof id === 'number' ? String(id) : JSON.stringify(id);
}

/** One message as a server-sent event. JSON text never holds a line break, so one data line is enough. */
export function serverSentEvent(message: string, id?: string): string {
  return id === undefined ? `event: message\ndata: ${message}\n\n` : `event: message\nid: ${id}\ndata: ${message}\n\n`;
}
