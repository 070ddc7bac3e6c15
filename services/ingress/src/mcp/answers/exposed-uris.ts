import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { qualifyUri, schemeOf } from '@customhouse/mcp-wire/resource-uris';
import type { Catalog } from '../../state/catalog.js';
import type { Call } from '../call.js';

/** Schemes that mean something without the server that names them. */
const selfSufficient: ReadonlySet<string | undefined> = new Set(['http:', 'https:', 'file:', 'data:', undefined]);

/**
 * Where servers share an endpoint, a URI in a result must lead back to the server that it came from: one that would lead elsewhere, or
 * nowhere, is replaced by the one that clients know it by. The same object where nothing had to be replaced.
 */
export function withExposedUris(result: JsonObject, call: Call, catalog: Catalog): JsonObject {
  switch (call.method) {
    case 'tools/call':
      return replaced(result, 'content', (block) => inBlock(block, call, catalog));
    case 'prompts/get':
      return replaced(result, 'messages', (message) => (isJsonObject(message) ? member(message, 'content', (block) => inBlock(block, call, catalog)) : message));
    case 'resources/read':
      return replaced(result, 'contents', (contents) => (isJsonObject(contents) ? inUri(contents, call, catalog) : contents));
    default:
      return result;
  }
}

type Value = JsonObject[string];

function inBlock(block: Value, call: Call, catalog: Catalog): Value {
  if (!isJsonObject(block)) return block;
  if (block['type'] === 'resource_link') return inUri(block, call, catalog);
  return block['type'] === 'resource' ? member(block, 'resource', (resource) => (isJsonObject(resource) ? inUri(resource, call, catalog) : resource)) : block;
}

function inUri(holder: JsonObject, call: Call, catalog: Catalog): JsonObject {
  return member(holder, 'uri', (uri) => (typeof uri === 'string' ? exposed(uri, call, catalog) : uri));
}

function exposed(uri: string, { server, session, asked, method, target }: Call, catalog: Catalog): string {
  // What was asked for is answered under the name it was asked by.
  if (method === 'resources/read' && uri === target) return asked.name;
  const found = catalog.findResource(session, uri);
  if (found?.server === server) return uri;
  const isNobodys = found === undefined && catalog.choices(session, uri).length === 0;
  return isNobodys && selfSufficient.has(schemeOf([uri])) ? uri : qualifyUri(server, uri);
}

function replaced(result: JsonObject, name: string, change: (item: Value) => Value): JsonObject {
  return member(result, name, (items) => {
    if (!Array.isArray(items)) return items;
    const changed = items.map(change);
    return changed.some((item, index) => item !== items[index]) ? changed : items;
  });
}

function member(holder: JsonObject, name: string, change: (value: Value) => Value): JsonObject {
  const value = holder[name];
  if (value === undefined) return holder;
  const changed = change(value);
  return changed === value ? holder : { ...holder, [name]: changed };
}
