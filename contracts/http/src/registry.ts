import { Timestamp } from '@customhouse/events/envelope';
import { ApiKey, Role, Server, ServerName, ToolDefinition, ToolLabel, Transport } from '@customhouse/events/registry/events';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { conflict, defineProblem, notFound } from './problem.js';
import { defineRoute } from './route.js';

export const stdioNotAllowed = defineProblem({
  code: 'stdio-not-allowed',
  status: 403,
  title: 'Servers that are started as a process are not allowed here',
  help: 'Whoever may add such a server can run commands where the gateway runs. Set CUSTOMHOUSE_REGISTRY_STDIO=true if operators may, or put the server into the servers file.',
});
export const definitionMismatch = defineProblem({
  code: 'definition-changed',
  status: 409,
  title: 'The definition is another one by now',
  help: 'The server has changed the tool since it was looked at. Read it again and accept what it says now.',
});

/** A server and what discovery last found out about it. */
export const ServerView = Server.extend({
  /** Null until discovery was tried. */
  reachable: z.boolean().nullable(),
  /** Why it was not reached, in words. */
  problem: z.string().nullable(),
  /** MCP revision that was agreed on. */
  protocol: z.string().nullable(),
  /** How it calls itself. */
  info: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
  /** Tools that it offers; those that are served, and those that wait for somebody to accept them. */
  served: z.int().nonnegative(),
  quarantined: z.int().nonnegative(),
  /** When discovery last ended. */
  looked: Timestamp.nullable(),
});
export type ServerView = z.infer<typeof ServerView>;

/** A tool as its server offers it now. */
export const ToolView = z.strictObject({
  server: ServerName,
  tool: z.string(),
  status: z.enum(['served', 'quarantined']),
  /** Of the definition that is offered. */
  digest: z.string(),
  /** Of the definition that was accepted last. */
  accepted: z.string().nullable(),
  labels: z.array(ToolLabel),
  definition: ToolDefinition,
  seen: Timestamp,
});
export type ToolView = z.infer<typeof ToolView>;

/** An API key without anything that could be used. */
export const KeyView = ApiKey.omit({ hash: true });
export type KeyView = z.infer<typeof KeyView>;

const name = z.strictObject({ name: ServerName });
const tool = z.strictObject({ server: ServerName, tool: z.string().min(1).max(128) });
const who = z.string().min(1).max(200);

export const registryRoutes = {
  servers: defineRoute({
    method: 'GET',
    path: '/v1/servers',
    summary: 'List servers by name.',
    roles: ['operator', 'auditor'],
    query: z.strictObject(pageQuery),
    response: pageOf(ServerView),
    errors: [],
  }),
  server: defineRoute({
    method: 'GET',
    path: '/v1/servers/:name',
    summary: 'Show a server.',
    roles: ['operator', 'auditor'],
    params: name,
    response: ServerView,
    errors: [notFound],
  }),
  register: defineRoute({
    method: 'POST',
    path: '/v1/servers',
    summary: 'Add a server.',
    description: 'Its tools are discovered at once, in the background. The environment of a process is recorded in clear: it is no place for secrets.',
    roles: ['operator'],
    body: z.strictObject({ name: ServerName, transport: Transport, enabled: z.boolean().default(true) }),
    response: ServerView,
    status: 201,
    errors: [conflict, stdioNotAllowed],
  }),
  change: defineRoute({
    method: 'PATCH',
    path: '/v1/servers/:name',
    summary: 'Change how a server is reached, or switch it off or on.',
    roles: ['operator'],
    params: name,
    body: z.strictObject({ transport: Transport.optional(), enabled: z.boolean().optional() }),
    response: ServerView,
    errors: [notFound, stdioNotAllowed],
  }),
  remove: defineRoute({ method: 'DELETE', path: '/v1/servers/:name', summary: 'Remove a server and its tools.', roles: ['operator'], params: name, errors: [notFound] }),
  discover: defineRoute({
    method: 'POST',
    path: '/v1/servers/:name/discover',
    summary: 'Ask a server for its tools now, and wait for the answer.',
    roles: ['operator'],
    params: name,
    response: ServerView,
    errors: [notFound],
  }),
  tools: defineRoute({
    method: 'GET',
    path: '/v1/tools',
    summary: 'List tools by server and name.',
    roles: ['operator', 'auditor', 'approver'],
    query: z.strictObject({ ...pageQuery, server: ServerName.optional(), status: ToolView.shape.status.optional() }),
    response: pageOf(ToolView),
    errors: [],
  }),
  tool: defineRoute({
    method: 'GET',
    path: '/v1/tools/:server/:tool',
    summary: 'Show a tool.',
    roles: ['operator', 'auditor', 'approver'],
    params: tool,
    response: ToolView,
    errors: [notFound],
  }),
  accept: defineRoute({
    method: 'POST',
    path: '/v1/tools/:server/:tool/accept',
    summary: 'Accept the definition that was looked at, so that the tool is served.',
    roles: ['operator'],
    params: tool,
    /** Labels: what the tool does, by the reviewer's judgement. Those that were proposed, when absent. */
    body: z.strictObject({ digest: z.string(), labels: z.array(ToolLabel).optional() }),
    response: ToolView,
    errors: [notFound, definitionMismatch],
  }),
  keys: defineRoute({
    method: 'GET',
    path: '/v1/keys',
    summary: 'List API keys, newest first.',
    roles: ['operator', 'auditor'],
    query: z.strictObject(pageQuery),
    response: pageOf(KeyView),
    errors: [],
  }),
  issue: defineRoute({
    method: 'POST',
    path: '/v1/keys',
    summary: 'Issue an API key. It is in this answer and nowhere else.',
    roles: ['operator'],
    body: z.strictObject({ agent: who, person: who, groups: z.array(who).max(100).default([]), roles: z.array(Role).min(1), expires: Timestamp.nullable().default(null) }),
    response: z.strictObject({ key: KeyView, presented: z.string() }),
    status: 201,
    errors: [],
  }),
  revoke: defineRoute({
    method: 'DELETE',
    path: '/v1/keys/:id',
    summary: 'Revoke an API key, for good.',
    roles: ['operator'],
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    errors: [notFound],
  }),
};
