import { z } from 'zod';

/** What a detector saw. It never quotes the text it found. */
export const Finding = z.strictObject({
  /** Kebab-case name of the rule, the same word everywhere: `hidden-characters`, `credential`. */
  rule: z.string(),
  severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
  /** Where: `arguments`, `result`, `definition`, then a JSON Pointer into it. */
  location: z.string(),
  /** In words, without the value. */
  message: z.string(),
});
export type Finding = z.infer<typeof Finding>;
