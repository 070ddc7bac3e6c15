import { z } from 'zod';
import { ApprovalTerms } from './approve.js';

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

/** What has to be done about a call that is not refused, by all rules that fired together. */
export const Obligations = z.strictObject({
  /** Present exactly when the effect is `hold`. */
  approve: ApprovalTerms.optional(),
  /** What is taken out of the result before anybody sees or keeps it: JSON Pointers (`/rows/0/iban`), and names of members wherever they are (`iban`). */
  redact: z.array(z.string()).min(1).optional(),
  /** A result with more bytes of JSON is not passed on. */
  max_result_bytes: z.int().min(1).optional(),
  /** A result may be given again for this many seconds, to the same caller for the same arguments. Only for tools that only read. */
  cache_s: z.int().min(1).optional(),
});
export type Obligations = z.infer<typeof Obligations>;

/** `refuse` beats `hold` beats `allow`; nothing said is `refuse` by the rule `default-deny`. */
export const Decision = z.strictObject({
  effect: Effect,
  /** Every rule that fired, the deciding ones first. Never empty. */
  rules: z.array(FiredRule).min(1),
  obligations: Obligations,
  policy: z.strictObject({
    number: z.int(),
    digest: z.string(),
    /** The external decision point that was asked as well, where there is one: its URL without credentials. */
    external: z.string().optional(),
  }),
});
export type Decision = z.infer<typeof Decision>;
