import { z } from 'zod';

/** Who acts: always the agent and the person behind it, never only one of them. */
export const Principal = z.strictObject({
  tenant: z.string(),
  agent: z.string(),
  person: z.string(),
  groups: z.array(z.string()),
  credential: z
    .strictObject({ kind: z.enum(['key', 'jwt', 'loopback']), id: z.string() })
    .describe('How we know: an API key, a verified JWT, or the loopback development profile.'),
});
export type Principal = z.infer<typeof Principal>;
