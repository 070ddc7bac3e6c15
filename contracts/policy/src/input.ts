import { z } from 'zod';
import { GovernedMethod } from './methods.js';

/** What is known about a person or an agent beside names and groups: claims of a token, or what an API key was issued with. */
export const AttributeValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
export const Attributes = z.record(z.string(), AttributeValue);
export type Attributes = z.infer<typeof Attributes>;

/** Somebody who acts for somebody else: one step of the `act` chain of a token (RFC 8693). */
export const Actor = z.strictObject({ actor: z.string().describe('`sub` of the actor.') });
export type Actor = z.infer<typeof Actor>;

/** What a tool says of itself, in its accepted definition. What it leaves out has the default of MCP, which is the cautious one. */
export const Annotations = z.strictObject({
  /** `readOnlyHint`; false unless said. */
  read_only: z.boolean(),
  /** `destructiveHint`; true unless said, and false for what only reads. */
  destructive: z.boolean(),
  /** `idempotentHint`; false unless said, and true for what only reads. */
  idempotent: z.boolean(),
  /** `openWorldHint`; true unless said. */
  open_world: z.boolean(),
});
export type Annotations = z.infer<typeof Annotations>;

/** Where a call would send something, as far as its arguments say. */
export const Destination = z.strictObject({
  kind: z.enum(['url', 'mail', 'host']),
  /** In lower case: a name, an IPv4 or IPv6 address, of mail the domain. Null: it looks like a destination and cannot be read without doubt, or may not be recorded. */
  host: z.string().nullable(),
  /** JSON Pointer of the argument that it stands in: `/url`. */
  argument: z.string(),
});
export type Destination = z.infer<typeof Destination>;

/** What has happened in the session before this call. */
export const SessionState = z.strictObject({
  /** What the session has seen and done: labels of the tools whose calls went through, and of findings in their results. */
  labels: z.array(z.string()),
  /** Calls of the session so far, and how many of them were refused and held. */
  counters: z.strictObject({ calls: z.int().nonnegative(), refused: z.int().nonnegative(), held: z.int().nonnegative() }),
});
export type SessionState = z.infer<typeof SessionState>;

/** How a request was made. */
export const RequestFacts = z.strictObject({
  /** The revision of MCP that the client speaks: `2025-11-25`. */
  protocol: z.string(),
  era: z.enum(['legacy', 'modern']),
  /** Those members of the request's `_meta` that the gateway was told to show to the policy (`CUSTOMHOUSE_INGRESS_POLICY_META`). */
  meta: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type RequestFacts = z.infer<typeof RequestFacts>;

/**
 * What a decision is made on. Everything in it is recorded with the call, so that the decision can be made again. What costs time to find
 * out and no active rule looks at is empty: `arguments`, `destinations`, `session_state`, `used`.
 */
export const PolicyInput = z.strictObject({
  principal: z.strictObject({
    tenant: z.string(),
    agent: z.string(),
    /** The person who answers for the agent. Null where nobody is named. */
    owner: z.string().nullable(),
    /** The person on whose behalf the agent acts. */
    person: z.string(),
    groups: z.array(z.string()),
    attributes: Attributes,
    /** Who acts for the person, the one that made the call first (`act` of the token, RFC 8693); empty where the token says nothing of that. */
    delegation: z.array(Actor),
    credential: z.enum(['key', 'jwt', 'loopback']),
  }),
  /** As the client calls itself: a help for people, no proof. */
  client: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
  network: z.strictObject({
    /** The client's address. What proxies say of it counts only where they are trusted (`CUSTOMHOUSE_INGRESS_TRUSTED_PROXIES`). */
    address: z.string(),
    /** Trusted proxies that the request came through, the one nearest to the client first. */
    forwarded: z.array(z.string()),
  }),
  session: z.string(),
  session_state: SessionState,
  /** Unix milliseconds. */
  time: z.int(),
  /** The MCP method: `tools/call`, or another governed one (methods.ts). */
  method: GovernedMethod,
  server: z.string(),
  /** What the method is aimed at, by the server's own name: a tool, a prompt, a URI. Empty where a server asks outside of any call. */
  tool: z.string(),
  /** Digest of the accepted definition of the tool or prompt. Null for what has none, and where nobody reviews definitions. */
  version: z.string().nullable(),
  /** Of the tool, from its accepted definition; of other targets none. */
  labels: z.array(z.string()),
  /** Of the tool; null for other targets. */
  annotations: Annotations.nullable(),
  /**
   * By JSON Pointer, only the arguments that a rule for this tool looks at (of other methods than `tools/call`: members of the params, beside the target): an input of 10 KB costs fifteen times one of 300 bytes.
   * Texts, numbers, booleans and null as they are; an object or a list is an empty one, since no rule looks inside. Absent ones are left out.
   */
  arguments: z.record(z.string(), z.unknown()),
  destinations: z.array(Destination),
  request: RequestFacts,
  /** Names of the detector rules that fired on the arguments. */
  findings: z.array(z.string()),
  /** By id of each rule for this tool that has a `limit`: how many calls it has let through in its window, for whom it counts. */
  used: z.record(z.string(), z.int().nonnegative()),
});
export type PolicyInput = z.infer<typeof PolicyInput>;
