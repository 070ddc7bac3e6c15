import { Attributes } from '@customhouse/policy-contract/input';
import { ToolPattern } from '@customhouse/policy-contract/patterns';
import { z } from 'zod';
import { defineEvent } from '../catalogue.js';
import { Timestamp } from '../envelope.js';

const topic = 'customhouse.registry';

/** Lower case, so that `server__tool` can be taken apart again. */
export const ServerName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'a server name is 1 to 32 of a-z, 0-9 and -, and neither begins nor ends with -');

export const Transport = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    url: z.url({ protocol: /^https?$/ }).refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url), 'a URL with a user name or password in it would put them on record'),
  }),
  z.strictObject({
    kind: z.literal('stdio'),
    command: z.string().min(1),
    args: z.array(z.string()),
    env: z
      .record(z.string(), z.string())
      .describe('Names and values given to the process; nothing else of the environment is. They are recorded as they are: no place for secrets.'),
  }),
]);
export type Transport = z.infer<typeof Transport>;

/** What the tool's owner or a reviewer says a tool does. They decide what a session may combine. */
export const ToolLabel = z.enum(['read-only', 'destructive', 'idempotent', 'reads-sensitive', 'returns-untrusted', 'communicates-externally']);
export type ToolLabel = z.infer<typeof ToolLabel>;

export const Server = z.strictObject({
  name: ServerName,
  generation: z.int().min(1).describe('Increases with every change of this record.'),
  transport: Transport,
  enabled: z.boolean(),
});
export type Server = z.infer<typeof Server>;

export const serverRegistered = defineEvent({
  type: 'registry.server.registered',
  version: 1,
  topic,
  summary: 'A server was added.',
  schema: z.strictObject({ server: Server, by: z.string() }),
});
export const serverChanged = defineEvent({
  type: 'registry.server.changed',
  version: 1,
  topic,
  summary: "A server's configuration was changed.",
  schema: z.strictObject({ server: Server, by: z.string() }),
});
export const serverRemoved = defineEvent({
  type: 'registry.server.removed',
  version: 1,
  topic,
  summary: 'A server was removed.',
  schema: z.strictObject({ name: ServerName, by: z.string() }),
});
export const serverReached = defineEvent({
  type: 'registry.server.reached',
  version: 1,
  topic,
  summary: 'A server answered discovery after it had not, or for the first time.',
  schema: z.strictObject({ name: ServerName, info: z.strictObject({ name: z.string(), version: z.string() }), protocol: z.string(), tools: z.int() }),
});

/** What servers list: tools and prompts are reviewed, resources and templates of resources are not. */
export const ListKind = z.enum(['tools', 'prompts', 'resources', 'templates']);
export type ListKind = z.infer<typeof ListKind>;

export const listLost = defineEvent({
  type: 'registry.list.lost',
  version: 1,
  topic,
  summary: 'A server was reached, and one of its lists could not be had or believed. What it listed before stays as it was.',
  schema: z.strictObject({ server: ServerName, list: ListKind, reason: z.string() }),
});
export const listRestored = defineEvent({
  type: 'registry.list.restored',
  version: 1,
  topic,
  summary: 'A list of a server can be had again.',
  schema: z.strictObject({ server: ServerName, list: ListKind }),
});
export const serverLost = defineEvent({
  type: 'registry.server.lost',
  version: 1,
  topic,
  summary: 'A server did not answer discovery.',
  schema: z.strictObject({ name: ServerName, reason: z.string() }),
});

/** The definition as the upstream sent it, unknown fields included. */
export const ToolDefinition = z.looseObject({ name: z.string() });
export type ToolDefinition = z.infer<typeof ToolDefinition>;

const tool = { server: ServerName, tool: z.string(), digest: z.string() };
export const toolDiscovered = defineEvent({
  type: 'registry.tool.discovered',
  version: 1,
  topic,
  summary: 'A tool was seen for the first time.',
  schema: z.strictObject({ ...tool, definition: ToolDefinition }),
});
export const toolDrifted = defineEvent({
  type: 'registry.tool.drifted',
  version: 1,
  topic,
  summary: "A tool's definition differs from the accepted one; it is not served until somebody accepts it.",
  schema: z.strictObject({ ...tool, accepted: z.string(), definition: ToolDefinition }),
});
export const toolAccepted = defineEvent({
  type: 'registry.tool.accepted',
  version: 1,
  topic,
  summary: 'A definition was accepted and is served.',
  schema: z.strictObject({ ...tool, by: z.string(), labels: z.array(ToolLabel) }),
});
export const toolRestored = defineEvent({
  type: 'registry.tool.restored',
  version: 1,
  topic,
  summary: 'A server offers the accepted definition of a tool again.',
  schema: z.strictObject(tool),
});
export const toolVanished = defineEvent({
  type: 'registry.tool.vanished',
  version: 1,
  topic,
  summary: 'A tool is no longer offered by its server.',
  schema: z.strictObject({ server: ServerName, tool: z.string() }),
});

/** As the upstream sent it, unknown fields included. Its texts steer a model as those of a tool do, so it is accepted like one. */
export const PromptDefinition = z.looseObject({ name: z.string() });
export type PromptDefinition = z.infer<typeof PromptDefinition>;

const prompt = { server: ServerName, prompt: z.string(), digest: z.string() };
export const promptDiscovered = defineEvent({
  type: 'registry.prompt.discovered',
  version: 1,
  topic,
  summary: 'A prompt was seen for the first time.',
  schema: z.strictObject({ ...prompt, definition: PromptDefinition }),
});
export const promptDrifted = defineEvent({
  type: 'registry.prompt.drifted',
  version: 1,
  topic,
  summary: "A prompt's definition differs from the accepted one; it is not served until somebody accepts it.",
  schema: z.strictObject({ ...prompt, accepted: z.string(), definition: PromptDefinition }),
});
export const promptAccepted = defineEvent({
  type: 'registry.prompt.accepted',
  version: 1,
  topic,
  summary: 'The definition of a prompt was accepted and is served.',
  schema: z.strictObject({ ...prompt, by: z.string() }),
});
export const promptRestored = defineEvent({
  type: 'registry.prompt.restored',
  version: 1,
  topic,
  summary: 'A server offers the accepted definition of a prompt again.',
  schema: z.strictObject(prompt),
});
export const promptVanished = defineEvent({
  type: 'registry.prompt.vanished',
  version: 1,
  topic,
  summary: 'A prompt is no longer offered by its server.',
  schema: z.strictObject({ server: ServerName, prompt: z.string() }),
});

/** As the upstream sent it, unknown fields included. */
export const ResourceDefinition = z.looseObject({ uri: z.string() });
export type ResourceDefinition = z.infer<typeof ResourceDefinition>;
export const TemplateDefinition = z.looseObject({ uriTemplate: z.string() });
export type TemplateDefinition = z.infer<typeof TemplateDefinition>;

const resource = { server: ServerName, uri: z.string(), digest: z.string() };
export const resourceListed = defineEvent({
  type: 'registry.resource.listed',
  version: 1,
  topic,
  summary: 'A server lists a resource that it did not list before, or describes it differently. Nobody has to accept it.',
  schema: z.strictObject({ ...resource, definition: ResourceDefinition }),
});
export const resourceVanished = defineEvent({
  type: 'registry.resource.vanished',
  version: 1,
  topic,
  summary: 'A resource is no longer listed by its server.',
  schema: z.strictObject({ server: ServerName, uri: z.string() }),
});

const template = { server: ServerName, template: z.string(), digest: z.string() };
export const templateListed = defineEvent({
  type: 'registry.template.listed',
  version: 1,
  topic,
  summary: 'A server lists a template of resources that it did not list before, or describes it differently. Nobody has to accept it.',
  schema: z.strictObject({ ...template, definition: TemplateDefinition }),
});
export const templateVanished = defineEvent({
  type: 'registry.template.vanished',
  version: 1,
  topic,
  summary: 'A template of resources is no longer listed by its server.',
  schema: z.strictObject({ server: ServerName, template: z.string() }),
});

const Patterns = z.array(ToolPattern).max(1000);

/** A part of the catalogue with a name, served at `/mcp/<name>`. It narrows what a caller sees; it permits nothing. */
export const Toolset = z.strictObject({
  name: ServerName,
  description: z.string().max(2000),
  tools: Patterns.describe('Tools in it: `server/tool`, each side a pattern.'),
  prompts: Patterns.describe('Prompts in it: `server/prompt`, each side a pattern.'),
  resources: Patterns.describe('Resources in it: `server/uri`, each side a pattern. Templates are in it by their own text.'),
  search: z.boolean().describe('Clients see two tools, `find_tools` and `call_tool`, instead of the definitions of all.'),
});
export type Toolset = z.infer<typeof Toolset>;

export const toolsetDefined = defineEvent({
  type: 'registry.toolset.defined',
  version: 1,
  topic,
  summary: 'A toolset was made or changed.',
  schema: z.strictObject({ toolset: Toolset, by: z.string() }),
});
export const toolsetRemoved = defineEvent({
  type: 'registry.toolset.removed',
  version: 1,
  topic,
  summary: 'A toolset was removed.',
  schema: z.strictObject({ name: ServerName, by: z.string() }),
});

export const Role = z.enum(['agent', 'operator', 'approver', 'auditor']);
export type Role = z.infer<typeof Role>;

/** An API key as others may see it. `hash` is SHA-256 (base64url) of the whole key, which has 256 random bits. */
export const ApiKey = z.strictObject({
  id: z.string(),
  hash: z.string(),
  tenant: z.string(),
  agent: z.string(),
  owner: z.string().optional().describe('The person who answers for the agent.'),
  person: z.string(),
  groups: z.array(z.string()),
  attributes: Attributes.optional().describe('What else a policy may know of the caller.'),
  roles: z.array(Role).min(1),
  created: Timestamp,
  expires: Timestamp.nullable(),
  revoked: z.boolean(),
});
export type ApiKey = z.infer<typeof ApiKey>;

export const keyIssued = defineEvent({
  type: 'registry.key.issued',
  version: 1,
  topic,
  summary: 'An API key was issued.',
  schema: z.strictObject({ key: ApiKey, by: z.string() }),
});
export const keyRevoked = defineEvent({
  type: 'registry.key.revoked',
  version: 1,
  topic,
  summary: 'An API key was revoked.',
  schema: z.strictObject({ id: z.string(), by: z.string() }),
});

/**
 * State topics: what every ingress follows. Keys: `server/<name>`, `tool/<server>/<tool>`, `prompt/<server>/<prompt>`, `resource/<server>/<uri>`,
 * `template/<server>/<template>`, `toolset/<name>`, `key/<id>`.
 */
export const catalogServerPublished = defineEvent({
  type: 'catalog.server.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'The present state of a server.',
  schema: z.strictObject({
    server: Server,
    reachable: z.boolean(),
    protocol: z.string().nullable(),
    discovered: z.looseObject({}).nullable().describe('What its `initialize` or `server/discover` answered: serverInfo, capabilities, instructions. Null until first reached.'),
    lost: z.array(ListKind).describe('Lists that could not be had or believed when the server was last reached; what is published of them is what it listed before.'),
  }),
});
export const catalogToolPublished = defineEvent({
  type: 'catalog.tool.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'The present state of a tool. Only a `served` tool is listed and callable; `quarantined` waits for review.',
  schema: z.strictObject({ ...tool, definition: ToolDefinition, labels: z.array(ToolLabel), status: z.enum(['served', 'quarantined']), order: z.int().nonnegative() }),
});
export const catalogPromptPublished = defineEvent({
  type: 'catalog.prompt.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'The present state of a prompt. Only a `served` prompt is listed and can be got; `quarantined` waits for review.',
  schema: z.strictObject({ ...prompt, definition: PromptDefinition, status: z.enum(['served', 'quarantined']), order: z.int().nonnegative() }),
});
export const catalogResourcePublished = defineEvent({
  type: 'catalog.resource.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'A resource that a server lists.',
  schema: z.strictObject({ ...resource, definition: ResourceDefinition, order: z.int().nonnegative() }),
});
export const catalogTemplatePublished = defineEvent({
  type: 'catalog.template.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'A template of resources that a server lists.',
  schema: z.strictObject({ ...template, definition: TemplateDefinition, order: z.int().nonnegative() }),
});
export const catalogToolsetPublished = defineEvent({
  type: 'catalog.toolset.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'A toolset as it is served.',
  schema: Toolset,
});
export const directoryKeyPublished = defineEvent({
  type: 'directory.key.published',
  version: 1,
  topic: 'customhouse.state.directory',
  summary: 'The present state of an API key.',
  schema: ApiKey,
});
