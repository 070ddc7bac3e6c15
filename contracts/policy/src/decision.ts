import { z } from 'zod';

export const Effect = z.enum(['allow', 'refuse', 'hold']);
export type Effect = z.infer<typeof Effect>;

/** A rule that fired, with its reason in words for whoever reads it. */
export const FiredRule = z.strictObject({
  /** Kebab-case; the same word in tests, error data, events, metrics and docs. */
  id: z.string(),
  effect: Effect,
  reason: z.string(),
});
export type FiredRule = z.infer<typeof FiredRule>;

export const Obligations = z.strictObject({
  /** Present exactly when the effect is `hold`. */
  approve: z.strictObject({ quorum: z.int().min(1), expires_s: z.int().min(1) }).optional(),
});
export type Obligations = z.infer<typeof Obligations>;

/** `refuse` beats `hold` beats `allow`; nothing said is `refuse` by the rule `default-deny`. */
export const Decision = z.strictObject({
  effect: Effect,
  /** Every rule that fired, the deciding ones first. Never empty. */
  rules: z.array(FiredRule).min(1),
  obligations: Obligations,
  policy: z.strictObject({ number: z.int(), digest: z.string() }),
});
export type Decision = z.infer<typeof Decision>;
