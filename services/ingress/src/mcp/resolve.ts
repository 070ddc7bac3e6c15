import type { Catalog, ServedTool } from '../state/catalog.js';
import type { Call } from './call.js';

/**
 * Turns the name that the client used into a server, a tool and the definition that was accepted. On `/mcp` names are `server__tool`;
 * on a server's own endpoint they are the server's. What is not served is resolved as far as it can be, for the record.
 */
export function resolve(call: Call, catalog: Catalog): void {
  const { name } = call.asked;
  const { server } = call.session;
  const tool: ServedTool | undefined = server === null ? catalog.exposed(name) : catalog.tool(server, name);
  call.tool = tool;
  if (tool !== undefined) {
    call.server = tool.server;
    call.toolName = tool.tool;
    return;
  }
  const separator = server === null ? name.indexOf('__') : -1;
  call.server = server ?? (separator > 0 ? name.slice(0, separator) : '');
  call.toolName = separator > 0 ? name.slice(separator + 2) : name;
}
