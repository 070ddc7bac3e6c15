import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Catalog } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';

/** Lists of these change with the catalogue, and the gateway says so itself. */
const listed = ['tools', 'prompts', 'resources'] as const;

/** What of MCP a client of this endpoint can use: what at least one of its servers has. Capabilities that the gateway does not know are not passed on, since it would not govern their methods. */
export function offerAt(at: Endpoint, catalog: Catalog): JsonObject {
  // There may be tools at any time, and a client that is told otherwise would never ask again.
  const offer: JsonObject = { tools: { listChanged: true } };
  for (const declared of declarations(at, catalog)) {
    for (const name of listed) if (isJsonObject(declared[name])) offer[name] = { ...(offer[name] as JsonObject | undefined), listChanged: true };
    const { resources } = declared;
    if (isJsonObject(resources) && resources['subscribe'] === true) (offer['resources'] as JsonObject)['subscribe'] = true;
    for (const name of ['completions', 'logging']) if (isJsonObject(declared[name])) offer[name] = {};
  }
  return offer;
}

/** Servers of the endpoint that have the capability, as far as they were ever reached. */
export function serversWith(capability: string, at: Endpoint, catalog: Catalog): string[] {
  return catalog
    .servers()
    .filter(({ server, discovered }) => catalog.concerns(at, server.name) && isJsonObject(capabilitiesIn(discovered)[capability]))
    .map(({ server }) => server.name);
}

function* declarations(at: Endpoint, catalog: Catalog): Iterable<JsonObject> {
  for (const { server, discovered } of catalog.servers()) if (catalog.concerns(at, server.name)) yield capabilitiesIn(discovered);
}

function capabilitiesIn(discovered: unknown): JsonObject {
  const capabilities = isJsonObject(discovered) ? discovered['capabilities'] : undefined;
  return isJsonObject(capabilities) ? capabilities : {};
}
