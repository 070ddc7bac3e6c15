import { z } from 'zod';
import { Effect } from './decision.js';
import { GovernedMethod } from './methods.js';
import { Approve } from './rules.js';

/** A call, as far as a rule can see it. What is left out is taken from an ordinary call of a tool, by a caller who belongs to no group. */
export const CaseCall = z.strictObject({
  agent: z.string().default('agent').describe('Name of the agent.'),
  person: z.string().default('person').describe('Name of the person on whose behalf it acts.'),
  groups: z.array(z.string()).default([]),
  method: GovernedMethod.default('tools/call'),
  server: z.string(),
  tool: z.string().describe('What the method is aimed at: a tool, a prompt, a URI.'),
  labels: z.array(z.string()).default([]).describe('Labels of the tool.'),
  arguments: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('The arguments of the call, whole, as the agent sends them. Of other methods than `tools/call`: the params without the target.'),
  findings: z.array(z.string()).default([]).describe('Names of the detector rules that fired on the arguments.'),
});

/** One call and what must become of it. */
export const PolicyCase = z.strictObject({
  name: z.string().min(1).max(200).describe('A sentence that says what the case guards.'),
  call: CaseCall,
  decision: z.strictObject({
    effect: Effect,
    rules: z.array(z.string()).min(1).describe('Ids of all rules that fire: those that refuse, those that hold, those that allow, each by id.'),
    approve: Approve.optional().describe('For `hold`: what is asked of the approvers.'),
  }),
  audit: z
    .strictObject({
      event: z.enum(['call.admitted', 'call.refused', 'call.held']).describe('The event that records the decision.'),
      reason: z.string().describe('What the agent is told and the audit shows.'),
    })
    .optional(),
});
export type PolicyCase = z.infer<typeof PolicyCase>;

export const PolicyCases = z.strictObject({
  rules: z.string().optional().describe('The rule file that the cases are about, beside the folder of this file: `starter.yaml`.'),
  cases: z.array(PolicyCase).min(1).max(1000),
});
export type PolicyCases = z.infer<typeof PolicyCases>;
