import type { EventDeclaration } from '@customhouse/events/catalogue';
import * as registry from '@customhouse/events/registry/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import type { StreamEvent } from '@customhouse/event-store/streams';
import type { ServerEvent } from '../domain/server.js';
import type { ServerRow, ToolRow } from './catalog-view.js';

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

export function toolKey(server: string, tool: string): string {
  return `tool/${server}/${tool}`;
}

/** What every ingress follows about a server. */
export function toPublishedServer(row: ServerRow): NewEvent {
  const { name, generation, transport, enabled, reachable, protocol, discovered } = row;
  const data = { server: { name, generation, transport, enabled }, reachable: reachable === true, protocol, discovered, lost: [] };
  return { declaration: registry.catalogServerPublished, subject: streamOf(name), key: serverKey(name), data };
}

/** What every ingress follows about a tool. */
export function toPublishedTool(row: ToolRow): NewEvent {
  const { server, tool, digest, definition, labels, place } = row;
  const data = { server, tool, digest, definition, labels, status: statusOf(row), order: place };
  return { declaration: registry.catalogToolPublished, subject: streamOf(server), key: toolKey(server, tool), data };
}

/** Only the definition that was accepted is served. */
export function statusOf(row: Pick<ToolRow, 'digest' | 'accepted'>): 'served' | 'quarantined' {
  return row.digest === row.accepted ? 'served' : 'quarantined';
}
