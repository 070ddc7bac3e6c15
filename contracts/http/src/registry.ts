import { Timestamp } from '@customhouse/events/envelope';
import {
  ApiKey,
  ListKind,
  PromptDefinition,
  ResourceDefinition,
  Role,
  Server,
  ServerName,
  TemplateDefinition,
  ToolDefinition,
  ToolLabel,
  Toolset,
  Transport,
} from '@customhouse/events/registry/events';
import { namedValues } from '@customhouse/policy-contract/named-values';
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
  /** Prompts that are served, and those that wait for somebody to accept them. */
  prompts: z.int().nonnegative(),
  quarantined_prompts: z.int().nonnegative(),
  /** Resources and templates of resources that it lists. Nobody has to accept them. */
  resources: z.int().nonnegative(),
  templates: z.int().nonnegative(),
  /** Lists that could not be had or believed when it was last reached, and why, in words. What they had before is still served. */
  lost: z.partialRecord(ListKind, z.string()),
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

/** A prompt as its server offers it now. */
export const PromptView = z.strictObject({
  server: ServerName,
  prompt: z.string(),
  status: z.enum(['served', 'quarantined']),
  /** Of the definition that is offered. */
  digest: z.string(),
  /** Of the definition that was accepted last. */
  accepted: z.string().nullable(),
  definition: PromptDefinition,
  seen: Timestamp,
});
export type PromptView = z.infer<typeof PromptView>;

/** A resource that its server lists now. */
export const ResourceView = z.strictObject({ server: ServerName, uri: z.string(), digest: z.string(), definition: ResourceDefinition, seen: Timestamp });
export type ResourceView = z.infer<typeof ResourceView>;

/** A template of resources that its server lists now. */
export const TemplateView = z.strictObject({ server: ServerName, template: z.string(), digest: z.string(), definition: TemplateDefinition, seen: Timestamp });
export type TemplateView = z.infer<typeof TemplateView>;

export const ToolsetView = Toolset.extend({ changed: Timestamp });
export type ToolsetView = z.infer<typeof ToolsetView>;

/** An API key without anything that could be used. */
export const KeyView = ApiKey.omit({ hash: true });
export type KeyView = z.infer<typeof KeyView>;

const name = z.strictObject({ name: ServerName });
const tool = z.strictObject({ server: ServerName, tool: z.string().min(1).max(128) });
const prompt = z.strictObject({ server: ServerName, prompt: z.string().min(1).max(128) });
const patterns = Toolset.shape.tools.default([]);
const who = z.string().min(1).max(200);
const attribute = z.string().max(256);
const KeyAttributes = namedValues(z.string().min(1).max(100), z.union([attribute, z.number(), z.boolean(), z.array(attribute).max(100)]))
  .refine((attributes) => Object.keys(attributes).length <= 50, 'has more than 50 attributes')
  .describe('What else a policy may know of the caller: `{"department": "finance"}`.');

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
    description: 'What it offers is discovered at once, in the background. The environment of a process is recorded in clear: it is no place for secrets.',
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
  remove: defineRoute({ method: 'DELETE', path: '/v1/servers/:name', summary: 'Remove a server and all that it offers.', roles: ['operator'], params: name, errors: [notFound] }),
  discover: defineRoute({
    method: 'POST',
    path: '/v1/servers/:name/discover',
    summary: 'Ask a server for what it offers now, and wait for the answer.',
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
  prompts: defineRoute({
    method: 'GET',
    path: '/v1/prompts',
    summary: 'List prompts by server and name.',
    roles: ['operator', 'auditor', 'approver'],
    query: z.strictObject({ ...pageQuery, server: ServerName.optional(), status: PromptView.shape.status.optional() }),
    response: pageOf(PromptView),
    errors: [],
  }),
  prompt: defineRoute({
    method: 'GET',
    path: '/v1/prompts/:server/:prompt',
    summary: 'Show a prompt.',
    roles: ['operator', 'auditor', 'approver'],
    params: prompt,
    response: PromptView,
    errors: [notFound],
  }),
  acceptPrompt: defineRoute({
    method: 'POST',
    path: '/v1/prompts/:server/:prompt/accept',
    summary: 'Accept the definition that was looked at, so that the prompt is served.',
    roles: ['operator'],
    params: prompt,
    body: z.strictObject({ digest: z.string() }),
    response: PromptView,
    errors: [notFound, definitionMismatch],
  }),
  resources: defineRoute({
    method: 'GET',
    path: '/v1/resources',
    summary: 'List the resources that servers list, by server and URI.',
    description: 'Servers may have more: those that a template stands for, and those that they mention elsewhere.',
    roles: ['operator', 'auditor', 'approver'],
    query: z.strictObject({ ...pageQuery, server: ServerName.optional() }),
    response: pageOf(ResourceView),
    errors: [],
  }),
  templates: defineRoute({
    method: 'GET',
    path: '/v1/templates',
    summary: 'List the templates of resources that servers list, by server and template.',
    roles: ['operator', 'auditor', 'approver'],
    query: z.strictObject({ ...pageQuery, server: ServerName.optional() }),
    response: pageOf(TemplateView),
    errors: [],
  }),
  toolsets: defineRoute({
    method: 'GET',
    path: '/v1/toolsets',
    summary: 'List toolsets by name.',
    roles: ['operator', 'auditor'],
    query: z.strictObject(pageQuery),
    response: pageOf(ToolsetView),
    errors: [],
  }),
  toolset: defineRoute({
    method: 'GET',
    path: '/v1/toolsets/:name',
    summary: 'Show a toolset.',
    roles: ['operator', 'auditor'],
    params: name,
    response: ToolsetView,
    errors: [notFound],
  }),
  defineToolset: defineRoute({
    method: 'PUT',
    path: '/v1/toolsets/:name',
    summary: 'Make a toolset, or replace what is in it.',
    description: 'It is served at /mcp/NAME of the ingress. It narrows what a caller sees there; what the policy does not allow, it does not allow either.',
    roles: ['operator'],
    params: name,
    body: z.strictObject({
      description: Toolset.shape.description.default(''),
      tools: patterns,
      prompts: patterns,
      resources: patterns,
      search: Toolset.shape.search.default(false),
    }),
    response: ToolsetView,
    errors: [],
  }),
  removeToolset: defineRoute({ method: 'DELETE', path: '/v1/toolsets/:name', summary: 'Remove a toolset.', roles: ['operator'], params: name, errors: [notFound] }),
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
    body: z.strictObject({
      agent: who,
      person: who,
      owner: who.optional().describe('The person who answers for the agent: `person`, unless given.'),
      groups: z.array(who).max(100).default([]),
      attributes: KeyAttributes.default({}),
      roles: z.array(Role).min(1),
      expires: Timestamp.nullable().default(null),
    }),
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
