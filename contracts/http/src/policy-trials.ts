import { Timestamp, Ulid } from '@customhouse/events/envelope';
import { Decision, Effect, FiredRule } from '@customhouse/policy-contract/decision';
import { PolicyInput } from '@customhouse/policy-contract/input';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { conflict, notFound } from './problem.js';
import { defineRoute } from './route.js';

const version = z.int().nonnegative().max(2_147_483_647);
const count = z.int().nonnegative();
const moment = z.iso.datetime({ offset: true, error: 'is not a time with its offset, such as 2026-11-22T13:00:00Z' });

/** How another version decides a call differently. `other_terms`: the same effect, with other approvers, limits or redactions. */
export const PolicyChange = z.enum(['newly_allowed', 'newly_held', 'newly_refused', 'other_terms']);
export type PolicyChange = z.infer<typeof PolicyChange>;

const Side = z.strictObject({ effect: Effect, rules: z.array(FiredRule) });

/** One call that comes out differently. What its arguments say is not here. */
export const PolicyExample = z
  .strictObject({ call: Ulid, time: Timestamp, agent: z.string(), person: z.string(), method: z.string(), server: z.string(), tool: z.string(), before: Side, after: Side })
  .meta({ id: 'PolicyExample' });
export type PolicyExample = z.infer<typeof PolicyExample>;

const Tally = z.strictObject({ name: z.string(), calls: count });
const tallies = z.strictObject({
  /** The most frequent first. */
  most: z.array(Tally),
  /** Calls of those that are not named here. */
  others: count,
});

export const PolicyChangeReport = z
  .strictObject({
    calls: count,
    by_agent: tallies,
    by_person: tallies,
    /** `server/tool`. */
    by_tool: tallies,
    /** By the rule that decides in the version on trial. */
    by_rule: tallies,
    /** The first ones. */
    examples: z.array(PolicyExample),
  })
  .meta({ id: 'PolicyChangeReport' });
export type PolicyChangeReport = z.infer<typeof PolicyChangeReport>;

/** What a version would have done differently: its blast radius. */
export const PolicyBlastRadius = z
  .strictObject({
    /** Calls that were looked at. */
    calls: count,
    /** Those with the same effect on the same terms. */
    unchanged: count,
    /** Not decided, because the version looks at arguments, and those were erased with their person. */
    erased: count,
    /** Not decided, because what was recorded cannot be read. */
    unreadable: count,
    changes: z.strictObject({
      newly_allowed: PolicyChangeReport,
      newly_held: PolicyChangeReport,
      newly_refused: PolicyChangeReport,
      other_terms: PolicyChangeReport,
    }),
  })
  .meta({ id: 'PolicyBlastRadius' });
export type PolicyBlastRadius = z.infer<typeof PolicyBlastRadius>;

/** Of every trial: which version is on it, and who began it when. */
const begun = { id: Ulid, version: version.describe('The version on trial. It decides nothing.'), started: Timestamp, started_by: z.string() };

export const PolicySimulation = z
  .strictObject({
    ...begun,
    /** What its decisions are compared with: another version's, or (null) those that were recorded. */
    against: version.nullable(),
    since: Timestamp.nullable(),
    until: Timestamp.nullable(),
    state: z.enum(['running', 'finished', 'failed', 'cancelled']),
    finished: Timestamp.nullable(),
    /** Calls that there are to decide, and that were decided so far. */
    total: count,
    done: count,
    /** Null until it is finished. */
    report: PolicyBlastRadius.nullable(),
    /** Why it failed. */
    problem: z.string().nullable(),
  })
  .meta({ id: 'PolicySimulation' });
export type PolicySimulation = z.infer<typeof PolicySimulation>;

export const PolicyShadow = z
  .strictObject({
    ...begun,
    /** Null while it goes on. */
    ended: Timestamp.nullable(),
    ended_by: z.string().nullable(),
    report: PolicyBlastRadius,
  })
  .meta({ id: 'PolicyShadow' });
export type PolicyShadow = z.infer<typeof PolicyShadow>;

export const PolicyExplanation = z
  .strictObject({
    call: Ulid,
    time: Timestamp,
    /** What was decided then. */
    recorded: Decision,
    /** `policy`: the rules decided. `gateway`: they were not asked, because the call was stopped, or nothing of the kind was served. */
    decided_by: z.enum(['policy', 'gateway']),
    /** The input, made again from the record. Null when no policy was asked. */
    input: PolicyInput.nullable(),
    /** `read`: those that rules look at are in the input. `withheld`: the caller is no auditor. `erased`, `unreadable`: nobody can read them. `unused`: no rule looks at any. */
    arguments: z.enum(['read', 'withheld', 'erased', 'unreadable', 'unused']),
    /** The decision made again, by the same version unless another was asked for. Null when it cannot be made: `problem` says why. */
    again: Decision.nullable(),
    /** The words that the agent got for it. */
    reason: z.string(),
    /** Whether both are the same, but for the version where another was asked for. */
    same: z.boolean().nullable(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'PolicyExplanation' });
export type PolicyExplanation = z.infer<typeof PolicyExplanation>;

const readers = ['operator', 'auditor'] as const;

/** Trying a version of the policy before it decides, and asking why it decided. */
export const policyTrialRoutes = {
  simulate: defineRoute({
    method: 'POST',
    path: '/v1/policy/simulations',
    summary: 'Decide recorded calls again by another version.',
    description:
      'Runs in the background: ask for the simulation until its state is no longer `running`. Nothing is called and nothing changes. Each call is decided on what was recorded with it: its caller, labels, counters and arguments as they were then. One simulation runs at a time.',
    roles: ['operator'],
    body: z.strictObject({
      version: version.describe('The version on trial.'),
      against: version.optional().describe('Compare with what this version decides. Left out: with what was decided then.'),
      since: moment.optional().describe('Calls from this time on.'),
      until: moment.optional().describe('Calls before this time.'),
      calls: z.int().min(1).optional().describe('At most so many, the newest. Left out: as many as the installation allows.'),
    }),
    response: PolicySimulation,
    status: 202,
    errors: [notFound, conflict],
  }),
  simulations: defineRoute({
    method: 'GET',
    path: '/v1/policy/simulations',
    summary: 'List simulations.',
    description: 'Newest first, with their reports.',
    roles: readers,
    query: z.strictObject({ ...pageQuery, limit: z.coerce.number('not a number').int('not a whole number').min(1).max(50).default(10) }),
    response: pageOf(PolicySimulation),
    errors: [],
  }),
  simulation: defineRoute({
    method: 'GET',
    path: '/v1/policy/simulations/:id',
    summary: 'Show a simulation, its progress and its report.',
    roles: readers,
    params: z.strictObject({ id: Ulid }),
    response: PolicySimulation,
    errors: [notFound],
  }),
  cancelSimulation: defineRoute({
    method: 'POST',
    path: '/v1/policy/simulations/:id/cancel',
    summary: 'Cancel a simulation.',
    description: 'Cancelling one that has ended changes nothing.',
    roles: ['operator'],
    params: z.strictObject({ id: Ulid }),
    response: PolicySimulation,
    errors: [notFound],
  }),
  shadow: defineRoute({
    method: 'GET',
    path: '/v1/policy/shadow',
    summary: 'Show the version that runs in the shadow of the active one, and how it differs so far.',
    description: 'When none does: the last one that did.',
    roles: readers,
    response: PolicyShadow,
    errors: [notFound],
  }),
  startShadow: defineRoute({
    method: 'POST',
    path: '/v1/policy/shadow',
    summary: 'Let a version run in the shadow of the active one.',
    description: 'It decides every call that comes, after the call was decided, and counts the differences. No call waits for it. One version at a time.',
    roles: ['operator'],
    body: z.strictObject({ version }),
    response: PolicyShadow,
    status: 201,
    errors: [notFound, conflict],
  }),
  endShadow: defineRoute({
    method: 'DELETE',
    path: '/v1/policy/shadow',
    summary: 'End the shadow.',
    description: 'Its report is kept.',
    roles: ['operator'],
    response: PolicyShadow,
    errors: [notFound],
  }),
  explain: defineRoute({
    method: 'GET',
    path: '/v1/policy/explanations/:call',
    summary: 'Explain the decision on a call.',
    description:
      'Makes the recorded decision again, on the recorded input and by the version of then, and says whether it is the same. With `version`: what another version says about the same call. Arguments are in it for auditors only.',
    roles: readers,
    params: z.strictObject({ call: Ulid }),
    query: z.strictObject({ version: z.coerce.number('not a number').int('not a whole number').nonnegative().max(2_147_483_647).optional() }),
    response: PolicyExplanation,
    errors: [notFound],
  }),
};
