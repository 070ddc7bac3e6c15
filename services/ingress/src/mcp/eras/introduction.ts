import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { envelope } from '@customhouse/mcp-wire/envelope';
import type { Catalog } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';

/** How an endpoint introduces itself, in either era. */
export interface Introduction {
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
}

const howToSearch = 'There are more tools here than are listed: find_tools finds them by what they do, and call_tool calls them.';

/**
 * A pass-through endpoint introduces its server as that introduced itself, whichever era it speaks; a toolset says what its administrator
 * wrote about it.
 */
export function introductionAt(at: Endpoint, catalog: Catalog, version: string): Introduction {
  const discovered = at.server === null ? undefined : (catalog.discovered(at.server) as JsonObject | undefined);
  const meta = discovered?.['_meta'];
  const info = discovered?.['serverInfo'] ?? (isJsonObject(meta) ? meta[envelope.serverInfo] : undefined);
  const toolset = at.toolset === null ? undefined : catalog.toolset(at.toolset);
  const instructions = toolset === undefined ? discovered?.['instructions'] : [toolset.description, toolset.search ? howToSearch : ''].filter((text) => text !== '').join('\n\n');
  return {
    serverInfo: isJsonObject(info) ? info : { name: 'customhouse', title: 'Customhouse', version },
    instructions: typeof instructions === 'string' && instructions !== '' ? instructions : undefined,
  };
}
