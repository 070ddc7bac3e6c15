import { envelope as keys, nameInBody } from './envelope.js';
import { headerSays, type ToBase64 } from './header-values.js';
import { isJsonObject, type JsonObject } from './json-rpc.js';
import type { ErrorRule } from './errors.js';
import { modernRevisions, revisionOf } from './revisions.js';

export const methodHeader = 'mcp-method';
export const nameHeader = 'mcp-name';

/** What a request says about its client, in each request anew. */
export interface Envelope {
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly capabilities: JsonObject;
  /** The least severe log message that the client wants; undefined when it wants none. */
  readonly logLevel: string | undefined;
}

/** What is wrong with a request, by the rule that it breaks. */
export interface Objection {
  readonly rule: ErrorRule;
  readonly message: string;
  readonly data?: JsonObject;
}

/** What is read of the headers of a request; undefined where it has none of the name. */
export interface RequestHeaders {
  readonly protocol: string | undefined;
  readonly method: string | undefined;
  readonly name: string | undefined;
}

/**
 * Whether a body is of the modern era. The body says so itself; the header decides only where the body says nothing. What the header
 * then has to say is looked at by `objectionTo`.
 */
export function isModern(body: unknown, protocolHeader: string | undefined): boolean {
  if (Array.isArray(body)) return body.some((item) => isModern(item, protocolHeader));
  const { method, params } = isJsonObject(body) ? body : {};
  const meta = isJsonObject(params) ? params['_meta'] : undefined;
  const claim = isJsonObject(meta) ? meta[keys.protocolVersion] : undefined;
  // Only legacy clients begin like this; one that says otherwise is told that the method is none of its revision.
  if (method === 'initialize') return isModernName(claim);
  return claim !== undefined || isModernName(protocolHeader?.trim());
}

function isModernName(name: unknown): boolean {
  return typeof name === 'string' && revisionOf(name)?.era === 'modern';
}

/** What is wrong with the envelope or the headers of a request, or the envelope. */
export function envelopeOf(message: JsonObject, headers: RequestHeaders, toBase64: ToBase64): Envelope | Objection {
  const { params } = message;
  const meta = isJsonObject(params) ? params['_meta'] : undefined;
  if (!isJsonObject(meta)) return invalid('every request of this revision needs "_meta" in its params');
  const { [keys.protocolVersion]: protocol, [keys.clientCapabilities]: capabilities, [keys.clientInfo]: info, [keys.logLevel]: logLevel } = meta;
  if (typeof protocol !== 'string') return invalid(`"_meta" needs "${keys.protocolVersion}", a text`);
  if (!isJsonObject(capabilities)) return invalid(`"_meta" needs "${keys.clientCapabilities}", an object`);
  if (logLevel !== undefined && typeof logLevel !== 'string') return invalid(`"${keys.logLevel}" is a text`);
  const client = info === undefined ? null : clientOf(info);
  if (client === undefined) return invalid(`"${keys.clientInfo}" has "name" and "version", both texts`);
  return headerObjection(message, protocol, headers, toBase64) ?? { client, capabilities, logLevel };
}

export function isObjection(value: Envelope | Objection): value is Objection {
  return 'rule' in value;
}

function headerObjection(message: JsonObject, protocol: string, headers: RequestHeaders, toBase64: ToBase64): Objection | undefined {
  const said = headers.protocol?.trim();
  if (said !== undefined && said !== protocol) return mismatch('MCP-Protocol-Version', `says another revision than "${keys.protocolVersion}"`);
  if (!modernRevisions.includes(protocol))
    return {
      rule: 'unsupported-version',
      message: `the revision ${JSON.stringify(protocol.slice(0, 40))} is not spoken here in this way; these are: ${modernRevisions.join(', ')}`,
      data: { supported: [...modernRevisions], requested: protocol.slice(0, 256) },
    };
  if (said === undefined) return mismatch('MCP-Protocol-Version', 'is missing');
  const method = String(message['method']);
  if (headers.method === undefined) return mismatch('Mcp-Method', 'is missing');
  if (headers.method.trim() !== method) return mismatch('Mcp-Method', 'says another method than the body');
  const { params } = message;
  const name = nameInBody(method, isJsonObject(params) ? params : undefined);
  if (name === undefined) return undefined;
  if (headers.name === undefined) return mismatch('Mcp-Name', 'is missing');
  return headerSays(headers.name, name, toBase64) ? undefined : mismatch('Mcp-Name', 'says another name than the body');
}

function clientOf(info: unknown): Envelope['client'] | undefined {
  if (!isJsonObject(info) || typeof info['name'] !== 'string' || typeof info['version'] !== 'string') return undefined;
  return { name: info['name'], version: info['version'] };
}

function invalid(message: string): Objection {
  return { rule: 'invalid-params', message };
}

function mismatch(header: string, what: string): Objection {
  return { rule: 'header-mismatch', message: `the header ${header} ${what}`, data: { header } };
}
