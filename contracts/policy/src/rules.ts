import { z } from 'zod';
import { Approve } from './approve.js';
import { Effect } from './decision.js';
import { Hours } from './hours.js';
import { RuleMethod } from './methods.js';
import { namedValues } from './named-values.js';
import { HostPattern, JsonPointer, NamePattern, Subnet, Text, ToolPattern } from './patterns.js';

/** Ids of what the gateway says without any rule of the administrator's. */
export const reservedRuleIds: ReadonlySet<string> = new Set([
  'default-deny',
  'external-policy',
  'external-policy-unavailable',
  'hold-not-possible',
  'policy-busy',
  'policy-error',
  'policy-input-too-large',
  'policy-timeout',
  'prompt-not-accepted',
  'stopped',
  'tool-not-accepted',
  'unknown-prompt',
  'unknown-resource',
  'unknown-tool',
]);

const Scalar = z.union([Text.max(2000), z.number(), z.boolean()]);

/**
 * A test of one argument. An argument that is not there meets only `absent`. An argument of another type than the condition
 * compares with cannot be judged: that counts as met for `refuse` and `hold`, and as not met for `allow`, so that a caller
 * never gets past a rule by sending a list or a number where a text was expected.
 */
export const ArgumentCondition = z.discriminatedUnion('is', [
  z.strictObject({ argument: JsonPointer, is: z.literal('equal'), value: Scalar.nullable() }),
  z.strictObject({ argument: JsonPointer, is: z.literal('one-of'), value: z.array(Scalar).min(1).max(1000) }),
  z.strictObject({ argument: JsonPointer, is: z.literal('like'), value: NamePattern }),
  z.strictObject({ argument: JsonPointer, is: z.literal('not-like'), value: NamePattern }),
  z.strictObject({ argument: JsonPointer, is: z.literal('greater'), value: z.number() }),
  z.strictObject({ argument: JsonPointer, is: z.literal('less'), value: z.number() }),
  z.strictObject({ argument: JsonPointer, is: z.literal('present') }),
  z.strictObject({ argument: JsonPointer, is: z.literal('absent') }),
]);
export type ArgumentCondition = z.infer<typeof ArgumentCondition>;

const Names = z.array(NamePattern).min(1, 'leave the field out instead of giving an empty list').max(1000);
const Words = z.array(Text.min(1).max(100)).min(1, 'leave the field out instead of giving an empty list').max(100);

const AttributeName = Text.min(1).max(100);

export const Who = z.strictObject({
  agents: Names.optional().describe('Names of agents, as in their API key or token.'),
  owners: Names.optional().describe('Names of the people who answer for the agent. An agent without an owner matches none.'),
  people: Names.optional().describe('Names of the people on whose behalf the agent acts.'),
  groups: Names.optional().describe('The person is in one of these groups.'),
  attributes: namedValues(
    AttributeName,
    z
      .array(z.union([NamePattern, z.number(), z.boolean()]))
      .min(1)
      .max(100),
  )
    .refine((attributes) => Object.keys(attributes).length > 0 && Object.keys(attributes).length <= 20, 'names 1 to 20 attributes')
    .optional()
    .describe('Every attribute that is named is there and has one of these values; of an attribute that is a list one item is enough. `{department: [finance, "legal-*"]}`'),
  clients: Names.optional().describe('Names of client programs, as they call themselves: a help, no protection.'),
  networks: z
    .array(Subnet)
    .min(1, 'leave the field out instead of giving an empty list')
    .max(1000)
    .optional()
    .describe('The address of the client is in one of these subnets: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`.'),
  delegated: z.boolean().optional().describe('True: the token says that somebody acts for the person (`act`, RFC 8693). False: it does not.'),
});
export type Who = z.infer<typeof Who>;

/** Egress. What looks like a destination and cannot be read counts against the call: it is within no list, and other than every list. */
export const DestinationTest = z.union([
  z.strictObject({
    allow: z.array(HostPattern).min(1).max(1000).describe('Every destination in the arguments is one of these. Arguments without a destination meet this.'),
  }),
  z.strictObject({ other_than: z.array(HostPattern).min(1).max(1000).describe('Some destination in the arguments is none of these.') }),
]);
export type DestinationTest = z.infer<typeof DestinationTest>;

export const Limit = z.strictObject({
  calls: z.int().min(1).max(1_000_000).describe('So many calls the rule lets through within the window; the next one it refuses.'),
  window_s: z.int().min(1).max(86_400).describe('Length of the window in seconds. It moves with the time.'),
  per: z.enum(['agent', 'person', 'session', 'tool', 'everybody']).describe('For whom calls are counted together.'),
});
export type Limit = z.infer<typeof Limit>;

const Redacted = z.union([JsonPointer, Text.min(1).max(200).regex(/^[^/]/u, 'the name of a member, or a JSON Pointer that begins with /')]);

export const Rule = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'a rule id is kebab-case')
      .max(64)
      .refine((id) => !reservedRuleIds.has(id), 'this id is kept for what the gateway itself says')
      .describe('Kebab-case; the same word appears in decisions, events and metrics.'),
    effect: Effect.describe('`refuse` beats `hold` beats `allow`, whatever the order of the rules.'),
    reason: Text.min(1).max(500).describe('In words, for the agent and for the administrator.'),
    who: Who.optional().describe('Every field that is given must match. Left out: everybody.'),
    methods: z
      .array(RuleMethod)
      .min(1, 'leave the field out instead of giving an empty list')
      .optional()
      .describe('The call is of one of these methods. Left out: `tools/call` only. `resources/subscribe` stands for `resources/unsubscribe`, too.'),
    tools: z
      .array(ToolPattern)
      .min(1)
      .max(1000)
      .describe(
        'What the call is aimed at matches one of these: the tool; for other methods `server/prompt`, or the server and the whole URI. What a server asks of a client belongs to the call that it is asked in.',
      ),
    labels: Words.optional().describe('The tool carries at least one of these labels.'),
    without_labels: Words.optional().describe('The tool carries none of these labels.'),
    when: z.array(ArgumentCondition).min(1).max(50).optional().describe('Tests of arguments; all must be met.'),
    annotations: z
      .partialRecord(z.enum(['read_only', 'destructive', 'idempotent', 'open_world']), z.boolean())
      .refine((annotations) => Object.keys(annotations).length > 0, 'leave the field out instead of giving an empty object')
      .optional()
      .describe(
        'The accepted definition of the tool says all of this; what it leaves out has the default of MCP, the cautious one. Labels were looked at by a person, annotations are what the server claims.',
      ),
    hours: Hours.optional().describe('The call is made within these hours.'),
    session_labels: Words.optional().describe('The session carries at least one of these labels: it has used a tool with that label, or a result had that finding.'),
    destinations: DestinationTest.optional().describe(
      'Where the call would send something: hosts of URLs, domains of mail addresses, names and addresses of hosts in its arguments.',
    ),
    findings: Words.optional().describe('A detector rule of one of these names fired on the arguments.'),
    limit: Limit.optional().describe('For `allow`: so often and no oftener. Over it the rule refuses.'),
    approve: Approve.optional().describe('For `hold`: who must approve. One person within an hour, unless said otherwise.'),
    redact: z
      .array(Redacted)
      .min(1)
      .max(100)
      .optional()
      .describe('For `allow` and `hold`: taken out of the result. JSON Pointers into the structured result (`/rows/0/iban`), or names of members wherever they are (`iban`).'),
    max_result_bytes: z.int().min(1).max(1_073_741_824).optional().describe('For `allow` and `hold`: a larger result is not passed on.'),
    cache_s: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe('For `allow` and `hold`: for so long the result may be given again to the same caller for the same arguments. Only for tools that only read.'),
  })
  .superRefine((rule, context) => {
    const only = (field: 'approve' | 'limit' | 'redact' | 'max_result_bytes' | 'cache_s', ...effects: readonly Effect[]): void => {
      if (rule[field] !== undefined && !effects.includes(rule.effect))
        context.addIssue({ code: 'custom', path: [field], message: `only a rule with the effect ${effects.map((effect) => `"${effect}"`).join(' or ')} has "${field}"` });
    };
    only('approve', 'hold');
    only('limit', 'allow');
    for (const field of ['redact', 'max_result_bytes', 'cache_s'] as const) only(field, 'allow', 'hold');
    if (rule.destinations === undefined) return;
    const message =
      rule.effect === 'allow'
        ? 'a rule that allows says "allow": every destination is one of these'
        : 'a rule that refuses or holds says "other_than": some destination is none of these';
    if ('allow' in rule.destinations !== (rule.effect === 'allow')) context.addIssue({ code: 'custom', path: ['destinations'], message });
  });
export type Rule = z.infer<typeof Rule>;

/** What an administrator writes. Order does not matter. */
export const RuleSet = z
  .strictObject({
    version: z.literal(1).describe('The version of this file format.'),
    rules: z.array(Rule).max(10_000),
  })
  .superRefine((set, context) => {
    const seen = new Set<string>();
    for (const [index, rule] of set.rules.entries()) {
      if (seen.has(rule.id)) context.addIssue({ code: 'custom', path: ['rules', index, 'id'], message: `the rule id "${rule.id}" is used twice` });
      seen.add(rule.id);
    }
  });
export type RuleSet = z.infer<typeof RuleSet>;
