import type { JsonObject } from '../values.js';

/** Codes of the gateway (docs/reference/errors.md) for what the relay has to say itself. */
export const codes = { 'parse-error': -32700, 'upstream-unavailable': -31002, 'outcome-unknown': -31003 } as const;
export type Rule = keyof typeof codes;

export type Id = string | number;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The requests in what one line holds, by their ids: each of them is owed an answer. */
export function requestsIn(message: unknown): Map<Id, JsonObject> {
  const requests = new Map<Id, JsonObject>();
  for (const item of Array.isArray(message) ? message : [message]) {
    const id = isObject(item) && typeof item['method'] === 'string' ? item['id'] : undefined;
    if (typeof id === 'string' || typeof id === 'number') requests.set(id, item as JsonObject);
  }
  return requests;
}

export function failure(id: Id | null, rule: Rule, message: string): JsonObject {
  return { jsonrpc: '2.0', id, error: { code: codes[rule], message, data: { rule } } };
}

/** The revision that a message of the modern era names in itself; undefined for one of the legacy era. */
export function modernRevisionOf(message: unknown): string | undefined {
  const params = isObject(message) ? message['params'] : undefined;
  const meta = isObject(params) ? params['_meta'] : undefined;
  const revision = isObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined;
  return typeof revision === 'string' ? revision : undefined;
}
