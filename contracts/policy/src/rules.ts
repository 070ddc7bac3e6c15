import { z } from 'zod';
import { Effect } from './decision.js';

/** A pattern of names: `*` stands for any run of characters, everything else for itself. */
export const NamePattern = z.string().min(1).max(200);

/** A test of one argument, addressed by a JSON Pointer (RFC 6901) into the arguments. */
export const ArgumentCondition = z.discriminatedUnion('is', [
  z.strictObject({ argument: z.string(), is: z.literal('equal'), value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
  z.strictObject({ argument: z.string(), is: z.literal('one-of'), value: z.array(z.union([z.string(), z.number()])).min(1) }),
  z.strictObject({ argument: z.string(), is: z.literal('like'), value: NamePattern }),
  z.strictObject({ argument: z.string(), is: z.literal('not-like'), value: NamePattern }),
  z.strictObject({ argument: z.string(), is: z.literal('greater'), value: z.number() }),
  z.strictObject({ argument: z.string(), is: z.literal('less'), value: z.number() }),
  z.strictObject({ argument: z.string(), is: z.literal('present') }),
  z.strictObject({ argument: z.string(), is: z.literal('absent') }),
]);
export type ArgumentCondition = z.infer<typeof ArgumentCondition>;

export const Rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'a rule id is kebab-case').max(64),
  effect: Effect,
  /** In words, for the agent and the administrator. */
  reason: z.string().min(1).max(500),
  /** Every named field must match; a field that is absent matches everything. */
  who: z.strictObject({ agents: z.array(NamePattern).optional(), people: z.array(NamePattern).optional(), groups: z.array(NamePattern).optional() }).optional(),
  /** `server/tool`, each side a pattern: `*` + `/` + `*` is every tool. */
  tools: z.array(z.string().regex(/^[^/]+\/.+$/, 'a tool pattern is server/tool')).min(1),
  /** The tool must carry one of these labels. */
  labels: z.array(z.string()).optional(),
  /** All must hold. */
  when: z.array(ArgumentCondition).optional(),
  /** The call must have a finding of one of these detector rules. */
  findings: z.array(z.string()).optional(),
  /** For `hold`. */
  approve: z.strictObject({ quorum: z.int().min(1).max(20).default(1), expires_s: z.int().min(1).max(604_800).default(3600) }).optional(),
});
export type Rule = z.infer<typeof Rule>;

/** What an administrator writes. Order does not matter: `refuse` beats `hold` beats `allow`. */
export const RuleSet = z.strictObject({ version: z.literal(1), rules: z.array(Rule).max(10_000) }).superRefine((set, context) => {
  const seen = new Set<string>();
  for (const [index, rule] of set.rules.entries()) {
    if (seen.has(rule.id)) context.addIssue({ code: 'custom', path: ['rules', index, 'id'], message: `the rule id "${rule.id}" is used twice` });
    seen.add(rule.id);
    if (rule.approve && rule.effect !== 'hold') context.addIssue({ code: 'custom', path: ['rules', index, 'approve'], message: 'only a rule with the effect "hold" has "approve"' });
  }
});
export type RuleSet = z.infer<typeof RuleSet>;
