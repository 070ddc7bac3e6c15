import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Catalog } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';
import type { ListMethod } from './list-methods.js';
import type { Sight } from './sight.js';

/** A server whose part of a list may be missing or old. The reason is a word of ours: what a server says of itself is no text for an agent. */
export interface Incomplete {
  readonly server: string;
  readonly reason: 'not-reached-yet' | 'unreachable' | 'list-lost';
}

/** How a list says so. */
export function metaOf(incomplete: readonly Incomplete[]): JsonObject {
  return { 'customhouse/incomplete': incomplete.map(({ server, reason }) => ({ server, reason })) };
}

/**
 * The servers that the list does not tell the present of: what they listed last is in it. A server that has no such list is not named,
 * and neither is one of which this caller could never see anything.
 */
export function incompleteParts(catalog: Catalog, at: Endpoint, method: ListMethod, principal: PolicyInput['principal'], sight: Sight, seen: ReadonlySet<string>): Incomplete[] {
  const found: Incomplete[] = [];
  for (const { server, reachable, discovered, lost } of catalog.servers()) {
    const { name } = server;
    if (!catalog.concerns(at, name)) continue;
    const reason = discovered === null ? 'not-reached-yet' : !reachable ? 'unreachable' : lost.includes(method.kind) ? 'list-lost' : undefined;
    if (reason === undefined) continue;
    const capabilities = discovered?.['capabilities'];
    if (isJsonObject(capabilities) && capabilities[method.capability] === undefined) continue;
    // An empty target meets every pattern that leaves it open: whether anything of the server could be for this caller.
    if (seen.has(name) || sight.visible(principal, { server: name, tool: '', labels: [] }, method.use)) found.push({ server: name, reason });
  }
  return found;
}
