import type { JsonObject } from './json-rpc.js';

/** Members of `_meta` that carry in each message of the modern era what a session carried before. */
export const envelope = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  /** On a notification: the id of the `subscriptions/listen` that asked for it. */
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;

/** The extension by which a server may answer a call later, and its client asks how it is going. */
export const tasksExtension = 'io.modelcontextprotocol/tasks';

export const modernRevision = '2026-07-28';

const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What the header `Mcp-Name` must say. Undefined for a method that has no such header, and for params without that name. */
export function nameInBody(method: string, params: JsonObject | undefined): string | undefined {
  const member = Object.hasOwn(namedBy, method) ? namedBy[method]! : undefined;
  const name = member === undefined ? undefined : params?.[member];
  return typeof name === 'string' ? name : undefined;
}
