import { Actor, Attributes } from '@customhouse/policy-contract/input';
import { z } from 'zod';

/** Who acts: always the agent and the person behind it, never only one of them. */
export const Principal = z.strictObject({
  tenant: z.string(),
  agent: z.string(),
  owner: z.string().optional().describe('The person who answers for the agent. Absent where nobody is named.'),
  person: z.string(),
  groups: z.array(z.string()),
  attributes: Attributes.optional().describe('What else the token or the API key says of the caller. Absent where it says nothing.'),
  delegation: z
    .array(Actor)
    .min(1)
    .optional()
    .describe('Who acts for the person, the one that made the call first (`act`, RFC 8693). Absent where the token says nothing of that.'),
  credential: z
    .strictObject({ kind: z.enum(['key', 'jwt', 'loopback']), id: z.string() })
    .describe('How we know: an API key, a verified JWT, or the loopback development profile.'),
});
export type Principal = z.infer<typeof Principal>;
