import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { envelope } from '@customhouse/mcp-wire/envelope';
import type { Catalog } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';

/** How an endpoint introduces itself, in either era. */
export interface Introduction {
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
}

/** A pass-through endpoint introduces its server as that introduced itself, whichever era it speaks. */
export function introductionAt(at: Endpoint, catalog: Catalog, version: string): Introduction {
  const discovered = at.server === null ? undefined : (catalog.discovered(at.server) as JsonObject | undefined);
  const meta = discovered?.['_meta'];
  const info = discovered?.['serverInfo'] ?? (isJsonObject(meta) ? meta[envelope.serverInfo] : undefined);
  const { instructions } = discovered ?? {};
  return {
    serverInfo: isJsonObject(info) ? info : { name: 'customhouse', title: 'Customhouse', version },
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}
