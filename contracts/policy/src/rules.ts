import { z } from 'zod';
import { Effect } from './decision.js';
import { RuleMethod } from './methods.js';

/** Ids of what the gateway says without any rule of the administrator's. */
export const reservedRuleIds: ReadonlySet<string> = new Set([
  'default-deny',
  'hold-not-possible',
  'policy-error',
  'policy-input-too-large',
  'prompt-not-accepted',
  'tool-not-accepted',
  'unknown-prompt',
  'unknown-resource',
  'unknown-tool',
]);

const mostStars = 4;

/** UTF-8 has no form for half a surrogate pair, and the policy module reads UTF-8. */
const Text = z.string().refine((text) => text.isWellFormed(), 'the text has a lone surrogate, which is no character');

/** True when a pattern has few enough `*`; a run of them counts once. */
function fewStars(pattern: string): boolean {
  return pattern.replace(/\*+/g, '*').split('*').length - 1 <= mostStars;
}

/** Compared character by character: no folding of case, no other special characters. */
export const NamePattern = Text.min(1, 'a pattern is not empty')
  .max(200, 'a pattern has at most 200 characters')
  .refine(fewStars, `a pattern has at most ${mostStars} stars`)
  .describe('`*` stands for any run of characters, also none; everything else stands for itself. Upper and lower case differ.');

/** Each side of the slash is a pattern of its own; the server's side ends at the first slash. */
export const ToolPattern = Text.max(400, 'a tool pattern has at most 400 characters')
  .regex(/^[^/]+\/.+$/su, 'a tool pattern is server/tool, and each side may contain *')
  .refine((pattern) => pattern.split('/').every(fewStars), `each side of a tool pattern has at most ${mostStars} stars`)
  .describe('`server/tool`, each side a pattern: `github/get_*`, `*/delete_*`, `*/*` for every tool.');

const JsonPointer = Text.max(400)
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/su, 'an argument is a JSON Pointer such as /path or /options/force')
  .describe('JSON Pointer (RFC 6901) into the arguments of the call: `/path`, `/files/0/name`.');

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

export const Who = z.strictObject({
  agents: Names.optional().describe('Names of agents, as in their API key or token.'),
  people: Names.optional().describe('Names of the people on whose behalf the agent acts.'),
  groups: Names.optional().describe('The person is in one of these groups.'),
});
export type Who = z.infer<typeof Who>;

export const Approve = z.strictObject({
  quorum: z.int().min(1).max(20).default(1).describe('How many distinct people must approve.'),
  expires_s: z.int().min(1).max(604_800).default(3600).describe('After this many seconds without a decision the call is denied.'),
});

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
    findings: Words.optional().describe('A detector rule of one of these names fired on the arguments.'),
    approve: Approve.optional().describe('For `hold`: who must approve. One person within an hour, unless said otherwise.'),
  })
  .superRefine((rule, context) => {
    if (rule.approve && rule.effect !== 'hold') context.addIssue({ code: 'custom', path: ['approve'], message: 'only a rule with the effect "hold" has "approve"' });
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
