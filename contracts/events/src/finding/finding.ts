import { z } from 'zod';

/** What a detector saw. It never quotes the text it found. */
export const Finding = z.strictObject({
  rule: z.string().describe('Kebab-case name of the rule, the same word everywhere: `hidden-characters`, `credential`.'),
  severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
  location: z.string().describe('Where: `arguments`, `result`, `definition`, then a JSON Pointer into it.'),
  message: z.string().describe('In words, without the value.'),
});
export type Finding = z.infer<typeof Finding>;
