import type { EventDeclaration } from '@customhouse/events/catalogue';
import type { ListKind } from '@customhouse/events/registry/events';
import * as registry from '@customhouse/events/registry/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import type { StreamEvent } from '@customhouse/event-store/streams';
import type { ServerEvent } from '../domain/server.js';
import type { OfferRow, ServerRow } from './catalog-view.js';

const declarations = new Map<string, EventDeclaration>(
  [
    registry.serverRegistered,
    registry.serverChanged,
    registry.serverRemoved,
    registry.serverReached,
    registry.serverLost,
    registry.toolDiscovered,
    registry.toolDrifted,
    registry.toolAccepted,
    registry.toolRestored,
    registry.toolVanished,
    registry.listLost,
    registry.listRestored,
    registry.promptDiscovered,
    registry.promptDrifted,
    registry.promptAccepted,
    registry.promptRestored,
    registry.promptVanished,
    registry.resourceListed,
    registry.resourceVanished,
    registry.templateListed,
    registry.templateVanished,
  ].map((declaration) => [declaration.type, declaration]),
);

export const catalogTopic = registry.catalogServerPublished.topic;

export function streamOf(server: string): string {
  return `server-${server}`;
}

export function toNewEvent(server: string, event: ServerEvent): NewEvent {
  const subject = streamOf(server);
  return { declaration: declarations.get(event.type)!, subject, key: subject, data: event.data };
}

/** An event of the stream for the domain. Throws for a type that does not belong there. */
export function toServerEvent(event: StreamEvent): ServerEvent {
  if (!declarations.has(event.type)) throw new Error(`${event.type} does not belong to the stream of a server`);
  return { type: event.type, data: event.data } as ServerEvent;
}

export function serverKey(server: string): string {
  return `server/${server}`;
}

const published = {
  tools: { word: 'tool', declaration: registry.catalogToolPublished },
  prompts: { word: 'prompt', declaration: registry.catalogPromptPublished },
  resources: { word: 'resource', declaration: registry.catalogResourcePublished },
  templates: { word: 'template', declaration: registry.catalogTemplatePublished },
} as const;

export function offerKey(kind: ListKind, server: string, name: string): string {
  return `${published[kind].word}/${server}/${name}`;
}

/** What every ingress follows about a server. */
export function toPublishedServer(row: ServerRow): NewEvent {
  const { name, generation, transport, enabled, reachable, protocol, discovered, lost } = row;
  const data = { server: { name, generation, transport, enabled }, reachable: reachable === true, protocol, discovered, lost: Object.keys(lost) };
  return { declaration: registry.catalogServerPublished, subject: streamOf(name), key: serverKey(name), data };
}

/** What every ingress follows about an item of a server's lists. */
export function toPublishedOffer(row: OfferRow): NewEvent {
  return { declaration: published[row.kind].declaration, subject: streamOf(row.server), key: offerKey(row.kind, row.server, row.name), data: publishedData(row) };
}

function publishedData(row: OfferRow): object {
  const { kind, server, name, digest, definition, labels, place: order } = row;
  switch (kind) {
    case 'tools':
      return { server, tool: name, digest, definition, labels, status: statusOf(row), order };
    case 'prompts':
      return { server, prompt: name, digest, definition, status: statusOf(row), order };
    case 'resources':
      return { server, uri: name, digest, definition, order };
    case 'templates':
      return { server, template: name, digest, definition, order };
  }
}

/** Only the definition that was accepted is served. */
export function statusOf(row: Pick<OfferRow, 'digest' | 'accepted'>): 'served' | 'quarantined' {
  return row.digest === row.accepted ? 'served' : 'quarantined';
}
