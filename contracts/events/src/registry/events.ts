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

export const Role = z.enum(['agent', 'operator', 'approver', 'auditor']);
export type Role = z.infer<typeof Role>;

/** An API key as others may see it. `hash` is SHA-256 (base64url) of the whole key, which has 256 random bits. */
export const ApiKey = z.strictObject({
  id: z.string(),
  hash: z.string(),
  tenant: z.string(),
  agent: z.string(),
  person: z.string(),
  groups: z.array(z.string()),
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

/** State topics: what every ingress follows. Keys: `server/<name>`, `tool/<server>/<tool>`, `key/<id>`. */
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
  }),
});
export const catalogToolPublished = defineEvent({
  type: 'catalog.tool.published',
  version: 1,
  topic: 'customhouse.state.catalog',
  summary: 'The present state of a tool. Only a `served` tool is listed and callable; `quarantined` waits for review.',
  schema: z.strictObject({ ...tool, definition: ToolDefinition, labels: z.array(ToolLabel), status: z.enum(['served', 'quarantined']), order: z.int().nonnegative() }),
});
export const directoryKeyPublished = defineEvent({
  type: 'directory.key.published',
  version: 1,
  topic: 'customhouse.state.directory',
  summary: 'The present state of an API key.',
  schema: ApiKey,
});
