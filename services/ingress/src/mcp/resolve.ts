import { unqualify } from '@customhouse/mcp-wire/resource-uris';
import type { Catalog } from '../state/catalog.js';
import type { Endpoint } from '../state/endpoint.js';
import type { Asked } from './asked.js';
import type { Call, Served } from './call.js';
import { completes } from './params.js';

/** What the client's name or URI leads to. */
interface Aim {
  /** Undefined when nothing of the kind is served. */
  readonly served: Served | undefined;
  readonly server: string;
  /** By the server's own name, as far as that can be told. */
  readonly target: string;
}

/**
 * Turns the name or URI that the client used into a server, a target and the definition that was accepted. Where servers share an
 * endpoint, names are `server__name`; on a server's own endpoint they are the server's. What is not served is resolved as far as it can
 * be, for the record.
 */
export function resolve(call: Call, catalog: Catalog): void {
  const { served, server, target } = aimOf(call.asked, call.session, catalog);
  call.served = served;
  call.server = server;
  call.target = target;
}

function aimOf({ method, name, arguments: rest }: Asked, at: Endpoint, catalog: Catalog): Aim {
  switch (method) {
    case 'tools/call': {
      const tool = catalog.findTool(at, name);
      return tool === undefined ? unknownName(name, at) : { served: tool, server: tool.server, target: tool.tool };
    }
    case 'prompts/get':
      return promptAim(name, at, catalog);
    case 'completion/complete':
      return completes(rest) === 'prompt' ? promptAim(name, at, catalog) : templateAim(name, at, catalog);
    default:
      return resourceAim(name, at, catalog);
  }
}

function promptAim(name: string, at: Endpoint, catalog: Catalog): Aim {
  const prompt = catalog.findPrompt(at, name);
  return prompt === undefined ? unknownName(name, at) : { served: prompt, server: prompt.server, target: prompt.prompt };
}

/** The argument of a template is completed; the specification lets a client name a URI as well. */
function templateAim(text: string, at: Endpoint, catalog: Catalog): Aim {
  const template = catalog.findTemplate(at, text);
  if (template === undefined) return resourceAim(text, at, catalog);
  const { server } = template;
  return { served: { server, definition: null, labels: [], generation: catalog.server(server)!.generation }, server, target: template.template };
}

function resourceAim(uri: string, at: Endpoint, catalog: Catalog): Aim {
  const found = catalog.findResource(at, uri);
  if (found !== undefined) return { served: found, server: found.server, target: found.uri };
  const qualified = at.server === null ? unqualify(uri) : undefined;
  return { served: undefined, server: at.server ?? qualified?.server ?? '', target: qualified?.uri ?? uri };
}

function unknownName(name: string, { server }: Endpoint): Aim {
  const separator = server === null ? name.indexOf('__') : -1;
  return { served: undefined, server: server ?? (separator > 0 ? name.slice(0, separator) : ''), target: separator > 0 ? name.slice(separator + 2) : name };
}
