import type { Catalog } from '../state/catalog.js';
import type { Endpoint } from '../state/endpoint.js';
import type { Call, Served } from './call.js';
import { kindOf } from './params.js';

interface Found {
  readonly served: Served;
  /** The server's own name for it. */
  readonly target: string;
}

/**
 * Turns what the client aims at into a server, its own name for the target, and the definition that was accepted. What is not served is
 * resolved as far as it can be, for the record.
 */
export function resolve(call: Call, catalog: Catalog): void {
  const { session } = call;
  const found = find(call, session, call.asked.name, catalog);
  if (found === undefined) return guess(call);
  call.served = found.served;
  call.server = found.served.server;
  call.target = found.target;
}

/** The same for a call that was recorded, by the server's own name. */
export function resolveAgain(call: Call, catalog: Catalog): void {
  call.served = find(call, { server: call.server, toolset: null }, call.target, catalog)?.served;
}

/** Whether it is there, and only waits for somebody to accept its definition. */
export function isQuarantined(call: Call, catalog: Catalog): boolean {
  const kind = kindOf(call.method, call.asked.arguments);
  if (kind === 'tool') return catalog.isQuarantined(call.server, call.target);
  return kind === 'prompt' && catalog.isPromptQuarantined(call.server, call.target);
}

function find(call: Call, at: Endpoint, name: string, catalog: Catalog): Found | undefined {
  switch (kindOf(call.method, call.asked.arguments)) {
    case 'tool': {
      const tool = catalog.findTool(at, name);
      return tool && { served: tool, target: tool.tool };
    }
    case 'prompt': {
      const prompt = catalog.findPrompt(at, name);
      return prompt && { served: prompt, target: prompt.prompt };
    }
    case 'resource': {
      // Completions name a template, by its text.
      const template = call.method === 'completion/complete' ? catalog.findTemplate(at, name) : undefined;
      const resource = catalog.findResource(template === undefined ? at : { server: template.server, toolset: null }, template?.template ?? name);
      return resource && { served: resource, target: resource.uri };
    }
  }
}

function guess(call: Call): void {
  const { name } = call.asked;
  const { server } = call.session;
  const separator = server === null && kindOf(call.method, call.asked.arguments) !== 'resource' ? name.indexOf('__') : -1;
  call.served = undefined;
  call.server = server ?? (separator > 0 ? name.slice(0, separator) : '');
  call.target = separator > 0 ? name.slice(separator + 2) : name;
}
