import type { JsonObject } from '../values.js';
import { isObject, modernRevisionOf } from './messages.js';

interface Mark {
  readonly header: string;
  readonly path: readonly string[];
}

const names: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const deepest = 64;
/** A catalogue larger than this is not remembered; the gateway then says which header is missing. */
const mostTools = 20_000;

/**
 * Headers that the revision 2026-07-28 wants beside what a message says. On standard streams there are none, so they are made here,
 * from the message and from the definitions of tools that were seen to pass.
 */
export class ModernHeaders {
  readonly #marks = new Map<string, readonly Mark[]>();

  of(message: JsonObject): Record<string, string> {
    const revision = modernRevisionOf(message);
    const method = message['method'];
    if (revision === undefined || typeof method !== 'string') return {};
    const params = isObject(message['params']) ? message['params'] : {};
    const headers: Record<string, string> = { 'mcp-protocol-version': revision, 'mcp-method': method };
    const name = Object.hasOwn(names, method) ? params[names[method]!] : undefined;
    if (typeof name !== 'string') return headers;
    headers['mcp-name'] = encoded(name);
    if (method !== 'tools/call') return headers;
    for (const { header, path } of this.#marks.get(name) ?? []) {
      const value = textAt(params['arguments'], path);
      if (value !== undefined) headers[header] = encoded(value);
    }
    return headers;
  }

  /** Remembers what the answer to `tools/list` says about headers. */
  learn(result: unknown): void {
    const tools = isObject(result) ? result['tools'] : undefined;
    for (const tool of Array.isArray(tools) ? tools : []) {
      if (!isObject(tool) || typeof tool['name'] !== 'string' || this.#marks.size >= mostTools) continue;
      const marks: Mark[] = [];
      find(tool['inputSchema'], [], marks);
      if (marks.length > 0) this.#marks.set(tool['name'], marks);
      else this.#marks.delete(tool['name']);
    }
  }
}

function find(schema: unknown, path: readonly string[], marks: Mark[]): void {
  if (!isObject(schema) || path.length > deepest) return;
  const mark = schema['x-mcp-header'];
  if (path.length > 0 && typeof mark === 'string' && token.test(mark)) marks.push({ header: `mcp-param-${mark.toLowerCase()}`, path });
  const { properties } = schema;
  if (isObject(properties)) for (const [name, child] of Object.entries(properties)) find(child, [...path, name], marks);
}

function textAt(args: unknown, path: readonly string[]): string | undefined {
  let value = args;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? String(value) : undefined;
}

/** A header holds visible ASCII; everything else travels as base64 of its UTF-8. */
function encoded(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)) return text;
  return text === '' ? '' : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
