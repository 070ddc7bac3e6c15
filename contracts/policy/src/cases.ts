import { z } from 'zod';
import { ApprovalTerms } from './approve.js';
import { Effect } from './decision.js';
import { Actor, Annotations, AttributeValue, RequestFacts, SessionState } from './input.js';
import { GovernedMethod } from './methods.js';
import { namedValues } from './named-values.js';

/** A call, as far as a rule can see it. What is left out is taken from an ordinary call of a tool, by a caller who belongs to no group. */
export const CaseCall = z.strictObject({
  agent: z.string().default('agent').describe('Name of the agent.'),
  person: z.string().default('person').describe('Name of the person on whose behalf it acts.'),
  owner: z.string().nullable().default(null).describe('Name of the person who answers for the agent.'),
  groups: z.array(z.string()).default([]),
  attributes: namedValues(z.string(), AttributeValue).default({}),
  delegation: z.array(Actor).default([]).describe('Who acts for the person, as the `act` chain of a token says it.'),
  client: z
    .strictObject({ name: z.string(), version: z.string().default('1') })
    .nullable()
    .default(null)
    .describe('The client program, as it calls itself.'),
  address: z.string().default('127.0.0.1').describe('Address of the client.'),
  time: z.iso.datetime({ offset: true }).default('2026-01-05T12:00:00Z').describe('When the call is made: `2026-01-05T12:00:00Z`, a Monday at noon.'),
  session: SessionState.partial().default({}).describe('What has happened in the session before.'),
  method: GovernedMethod.default('tools/call'),
  server: z.string(),
  tool: z.string().describe('What the method is aimed at: a tool, a prompt, a URI.'),
  labels: z.array(z.string()).default([]).describe('Labels of the tool.'),
  annotations: Annotations.partial().optional().describe('What the tool says of itself. Of what is left out: the defaults of MCP.'),
  arguments: namedValues(z.string(), z.unknown())
    .default({})
    .describe('The arguments of the call, whole, as the agent sends them. Of other methods than `tools/call`: the params without the target.'),
  request: RequestFacts.partial().default({}).describe('How the request was made.'),
  findings: z.array(z.string()).default([]).describe('Names of the detector rules that fired on the arguments.'),
  used: z.record(z.string(), z.int().nonnegative()).default({}).describe('By rule with a `limit`: how many calls it has let through in its window.'),
});
export type CaseCall = z.infer<typeof CaseCall>;

/** One call and what must become of it. */
export const PolicyCase = z.strictObject({
  name: z.string().min(1).max(200).describe('A sentence that says what the case guards.'),
  call: CaseCall,
  decision: z.strictObject({
    effect: Effect,
    rules: z.array(z.string()).min(1).describe('Ids of all rules that fire: those that refuse, those that hold, those that allow, each by id.'),
    approve: ApprovalTerms.partial().optional().describe('For `hold`: what is asked of the approvers, as far as it is named here.'),
    redact: z.array(z.string()).optional().describe('What is taken out of the result, in alphabetical order.'),
    max_result_bytes: z.int().optional(),
    cache_s: z.int().optional(),
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
