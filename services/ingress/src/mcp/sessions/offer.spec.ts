import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Catalog } from '../../state/catalog.js';
import { everything } from '../../state/endpoint.js';
import { offerAt, serversWith } from './offer.js';

function catalogOf(servers: Readonly<Record<string, JsonObject | null>>): Catalog {
  const catalog = new Catalog();
  for (const [name, capabilities] of Object.entries(servers)) {
    const server = { name, generation: 1, enabled: name !== 'off', transport: { kind: 'http', url: 'http://127.0.0.1:1/mcp' } };
    const data = { server, reachable: true, protocol: null, discovered: capabilities && { capabilities }, lost: [] };
    catalog.apply({ topic: 'customhouse.state.catalog', key: `server/${name}`, event: { data } as unknown as StoredEvent });
  }
  return catalog;
}

const catalog = catalogOf({
  files: { resources: { subscribe: true }, tools: {} },
  books: { prompts: { listChanged: true }, resources: {}, completions: {}, experimental: { x: {} } },
  noisy: { logging: {}, tools: {} },
  off: { logging: {}, completions: {} },
  unreached: null,
});

describe('what an endpoint offers', () => {
  it.each([
    [everything, { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true }, completions: {}, logging: {} }],
    [
      { server: 'files', toolset: null },
      { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } },
    ],
    [
      { server: 'books', toolset: null },
      { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true }, completions: {} },
    ],
    [
      { server: 'noisy', toolset: null },
      { tools: { listChanged: true }, logging: {} },
    ],
    [{ server: 'unreached', toolset: null }, { tools: { listChanged: true } }],
    [{ server: null, toolset: 'unknown' }, { tools: { listChanged: true } }],
  ])('%j is what its servers have together', (at, offer) => {
    expect(offerAt(at, catalog)).toEqual(offer);
  });

  it('knows which servers a capability comes from, those that are switched off left out', () => {
    expect(serversWith('logging', everything, catalog)).toEqual(['noisy']);
    expect(serversWith('resources', everything, catalog)).toEqual(['books', 'files']);
    expect(serversWith('resources', { server: 'books', toolset: null }, catalog)).toEqual(['books']);
  });
});
