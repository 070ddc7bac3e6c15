import { z } from 'zod';
import { GovernedMethod } from './methods.js';

/** What a decision is made on. Everything in it is recorded, so that the decision can be made again. */
export const PolicyInput = z.strictObject({
  principal: z.strictObject({ tenant: z.string(), agent: z.string(), person: z.string(), groups: z.array(z.string()), credential: z.enum(['key', 'jwt', 'loopback']) }),
  client: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
  network: z.strictObject({ address: z.string() }),
  session: z.string(),
  /** Unix milliseconds. */
  time: z.int(),
  /** The MCP method: `tools/call`, or another governed one (methods.ts). */
  method: GovernedMethod,
  server: z.string(),
  /** What the method is aimed at, by the server's own name: a tool, a prompt, a URI. Empty where a server asks outside of any call. */
  tool: z.string(),
  /** Of the tool, from its accepted definition; of other targets none. */
  labels: z.array(z.string()),
  /**
   * By JSON Pointer, only the arguments that a rule for this tool looks at (of other methods than `tools/call`: members of the params, beside the target): an input of 10 KB costs fifteen times one of 300 bytes.
   * Texts, numbers, booleans and null as they are; an object or a list is an empty one, since no rule looks inside. Absent ones are left out.
   */
  arguments: z.record(z.string(), z.unknown()),
  /** Names of the detector rules that fired on the arguments. */
  findings: z.array(z.string()),
});
export type PolicyInput = z.infer<typeof PolicyInput>;
