import { Timestamp } from '@customhouse/events/envelope';
import { CaseCall, PolicyCase } from '@customhouse/policy-contract/cases';
import { Decision } from '@customhouse/policy-contract/decision';
import { PolicyInput } from '@customhouse/policy-contract/input';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { everythingName, Stop, StopKind } from '@customhouse/policy-contract/stops';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { policyTrialRoutes } from './policy-trials.js';
import { conflict, defineProblem, notFound } from './problem.js';
import { defineRoute } from './route.js';

export const invalidRules = defineProblem({
  code: 'invalid-rules',
  status: 422,
  title: 'The rules are not valid',
  help: '`problems` lists every fault with its line and column. Nothing was stored.',
});
export const casesFailed = defineProblem({
  code: 'cases-failed',
  status: 422,
  title: 'The rules do not do what the cases say',
  help: '`problems` lists every case that fails, and what came out instead. Nothing was stored.',
});

/** A version of the policy, without its rules. */
export const PolicyVersionSummary = z
  .strictObject({
    /** 0 is what the installation began with. */
    number: z.int().nonnegative(),
    /** SHA-256 (hex) over module and rules. */
    digest: z.string(),
    /** SHA-256 (hex) of the compiled module. */
    module: z.string(),
    note: z.string(),
    rules_count: z.int().nonnegative(),
    drafted: Timestamp,
    drafted_by: z.string(),
    /** This version decides. */
    active: z.boolean(),
    /** When it last began to decide. Null: it never did. */
    activated: Timestamp.nullable(),
    activated_by: z.string().nullable(),
  })
  .meta({ id: 'PolicyVersionSummary' });
export type PolicyVersionSummary = z.infer<typeof PolicyVersionSummary>;

export const PolicyVersionDetail = PolicyVersionSummary.extend({ rules: RuleSet }).meta({ id: 'PolicyVersionDetail' });
export type PolicyVersionDetail = z.infer<typeof PolicyVersionDetail>;

export const PolicyDryRun = z
  .strictObject({
    decision: Decision,
    /** What the agent would be told, and the audit would show. */
    reason: z.string(),
    /** The event that would record it. */
    event: z.enum(['call.admitted', 'call.refused', 'call.held']),
    /** JSON Pointers of the arguments that rules for this tool look at. */
    arguments_needed: z.array(z.string()),
    /** Whether lists show the tool to this caller. */
    visible: z.boolean(),
  })
  .meta({ id: 'PolicyDryRun' });
export type PolicyDryRun = z.infer<typeof PolicyDryRun>;

export const PolicyStop = Stop.extend({ since: Timestamp }).meta({ id: 'PolicyStop' });
export type PolicyStop = z.infer<typeof PolicyStop>;

/** Text that a database can keep and a terminal can show. */
const Note = z
  .string()
  .max(2000)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text.replaceAll(/[\n\t]/g, '')), 'holds control characters');

/** What a stop is about, and why. */
const stopBody = z
  .strictObject({
    kind: StopKind,
    name: z
      .string()
      .max(600)
      .default('')
      .describe('Of an agent or a person as in its key or token (case does not matter), of a server its name, of a tool `server/tool`. Left out for everything.'),
    reason: Note.min(1).max(500).default('No reason was given.').describe('What agents are told, and the record shows.'),
  })
  .superRefine(({ kind, name }, context) => {
    const fault = (message: string) => context.addIssue({ code: 'custom', path: ['name'], message });
    if (/[\p{Cc}\p{Cs}]/u.test(name)) fault('holds control characters');
    else if (kind === 'everything') return name === '' || name === everythingName ? undefined : fault('everything has no name: leave it out');
    else if (name.trim() === '') fault(`say which ${kind}`);
    else if (kind === 'tool' && !/^[^/]+\/./su.test(name)) fault('a tool is server/tool, by its own name: github/create_issue');
  });

const number = z.coerce.number('not a number').int('not a whole number').nonnegative().max(2_147_483_647);
const expected = z.int().nonnegative().optional();

export const policyRoutes = {
  active: defineRoute({
    method: 'GET',
    path: '/v1/policy/active',
    summary: 'Show the version that decides.',
    roles: ['operator', 'auditor'],
    response: PolicyVersionDetail,
    errors: [notFound],
  }),
  versions: defineRoute({
    method: 'GET',
    path: '/v1/policy/versions',
    summary: 'List the versions of the policy.',
    description: 'Newest first, without their rules.',
    roles: ['operator', 'auditor'],
    query: z.strictObject({ ...pageQuery }),
    response: pageOf(PolicyVersionSummary),
    errors: [],
  }),
  show: defineRoute({
    method: 'GET',
    path: '/v1/policy/versions/:number',
    summary: 'Show a version with its rules.',
    roles: ['operator', 'auditor'],
    params: z.strictObject({ number }),
    response: PolicyVersionDetail,
    errors: [notFound],
  }),
  draft: defineRoute({
    method: 'POST',
    path: '/v1/policy/versions',
    summary: 'Store rules as a new version.',
    description: 'It decides nothing until it is activated. The rules are compiled and the cases are run first; when either fails nothing is stored.',
    roles: ['operator'],
    body: z.strictObject({
      rules: z
        .union([z.string().max(262_144, 'send rules of more than 262144 characters as a JSON document, not as text'), z.record(z.string(), z.unknown())])
        .describe(
          'The document that contracts/published/jsonschema/policy-rules.json describes, or its text in YAML or JSON (262144 characters at most). Faults of a text are reported by line and column.',
        ),
      note: Note.default(''),
      cases: z.array(PolicyCase).max(1000).default([]),
    }),
    response: PolicyVersionDetail,
    status: 201,
    errors: [invalidRules, casesFailed],
  }),
  activate: defineRoute({
    method: 'POST',
    path: '/v1/policy/versions/:number/activate',
    summary: 'Let a version decide from now on.',
    description: 'Every ingress follows within a second. Activating the active version again changes nothing.',
    roles: ['operator'],
    params: z.strictObject({ number }),
    body: z.strictObject({
      /** Only if this version is active now. */ expected,
    }),
    response: PolicyVersionDetail,
    errors: [notFound, conflict],
  }),
  rollback: defineRoute({
    method: 'POST',
    path: '/v1/policy/rollback',
    summary: 'Let the version decide that decided before the present one.',
    description: 'A second rollback undoes the first.',
    roles: ['operator'],
    body: z.strictObject({
      /** Only if this version is active now. */ expected,
    }),
    response: PolicyVersionDetail,
    errors: [conflict],
  }),
  stops: defineRoute({
    method: 'GET',
    path: '/v1/policy/stops',
    summary: 'List the stops in force.',
    description: 'Newest first.',
    roles: ['operator', 'auditor'],
    query: z.strictObject({ ...pageQuery }),
    response: pageOf(PolicyStop),
    errors: [],
  }),
  stop: defineRoute({
    method: 'POST',
    path: '/v1/policy/stops',
    summary: 'Stop an agent, a person, a tool, a server, or everything.',
    description:
      'Every ingress refuses its calls within a second, cancels those in flight, and sends no held call, approved or not, whatever the rules say. Stopping what is stopped changes nothing.',
    roles: ['operator'],
    body: stopBody,
    response: PolicyStop,
    status: 201,
    errors: [notFound],
  }),
  lift: defineRoute({
    method: 'POST',
    path: '/v1/policy/stops/lift',
    summary: 'Lift a stop.',
    description: 'The rules decide again. What was refused or cancelled stays so.',
    roles: ['operator'],
    body: stopBody,
    errors: [notFound],
  }),
  decide: defineRoute({
    method: 'POST',
    path: '/v1/policy/decide',
    summary: 'Say what a version would decide.',
    description: 'A dry run: nothing is called and nothing is recorded. Give either `call`, as an agent would make it, or `input`, exactly as a decision was made on it.',
    roles: ['operator', 'auditor'],
    body: z
      .strictObject({
        /** The active one, unless given. */
        version: z.int().nonnegative().optional(),
        call: CaseCall.optional(),
        input: PolicyInput.optional(),
      })
      .refine((body) => (body.call === undefined) !== (body.input === undefined), 'give either call or input'),
    response: PolicyDryRun,
    errors: [notFound],
  }),
  ...policyTrialRoutes,
};
