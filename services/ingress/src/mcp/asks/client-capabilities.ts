import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { ClientProfile } from '../../upstreams/errand.js';

/** What an upstream may ask of a client, and the capability that the client declares for it. */
const capabilityOf = { 'sampling/createMessage': 'sampling', 'elicitation/create': 'elicitation', 'roots/list': 'roots' } as const;

export type AskMethod = keyof typeof capabilityOf;
export const askMethods = Object.keys(capabilityOf) as AskMethod[];

export function isAskMethod(method: unknown): method is AskMethod {
  return typeof method === 'string' && Object.hasOwn(capabilityOf, method);
}

/** `mayAsk`: whether the upstream could ever be permitted to ask this; what it could not is not declared to it. */
export function profileOf(declared: JsonObject, mayAsk: (method: AskMethod) => boolean): ClientProfile {
  const capabilities: JsonObject = {};
  for (const method of askMethods) {
    const name = capabilityOf[method];
    const value = declared[name];
    if (isJsonObject(value) && mayAsk(method)) capabilities[name] = value;
  }
  return { capabilities, key: Object.keys(capabilities).length === 0 ? '' : stableText(capabilities) };
}

/** Why a client that declared these capabilities cannot be asked this, as the upstream is told; undefined when it can. */
export function lacking(capabilities: JsonObject, method: AskMethod, params: JsonObject): { readonly code: number; readonly message: string } | undefined {
  const declared = capabilities[capabilityOf[method]];
  if (!isJsonObject(declared)) return { code: -32601, message: `the client does not support ${method}` };
  if (method === 'elicitation/create') {
    const mode = params['mode'] ?? 'form';
    // A client that names no mode knows forms only: there was nothing else when it was written.
    const takes = mode === 'form' ? 'form' in declared || !('url' in declared) : mode === 'url' && 'url' in declared;
    if (!takes) return { code: -32602, message: `the client does not support elicitation in the mode ${JSON.stringify(mode).slice(0, 40)}` };
  }
  if (method === 'sampling/createMessage' && ('tools' in params || 'toolChoice' in params) && !('tools' in declared))
    return { code: -32602, message: 'the client does not support tools in sampling' };
  return undefined;
}

/** The same text for the same members in any order. */
function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stableText(value[key])}`)
    .join(',')}}`;
}
