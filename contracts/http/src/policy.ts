import { Timestamp } from '@customhouse/events/envelope';
import { PolicyBundle, PolicySignature, RegoFiles, Sha256, WrittenCases } from '@customhouse/policy-contract/bundle';
import { CaseCall } from '@customhouse/policy-contract/cases';
import { Decision } from '@customhouse/policy-contract/decision';
import { PolicyInput } from '@customhouse/policy-contract/input';
import { Rule, RuleSet } from '@customhouse/policy-contract/rules';
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
  help: '`problems` lists every fault of rules, Rego and cases with its line and column. Nothing was stored.',
});
export const casesFailed = defineProblem({
  code: 'cases-failed',
  status: 422,
  title: 'The policy does not do what its tests and cases say',
  help: '`problems` lists every test and case that fails, and what came out instead. Nothing was stored or activated.',
});
export const bundleRefused = defineProblem({
  code: 'bundle-refused',
  status: 422,
  title: 'The bundle is not taken',
  help: 'It was changed after it was made, it is not signed by a key that is trusted here, or another release made it. `detail` says which, and what to do. Nothing was stored.',
});

/** How far a version has come: stored, its tests pass, run over history, runs beside the active one, decides. */
export const PolicyStage = z.enum(['draft', 'tested', 'simulated', 'shadow', 'active']).meta({ id: 'PolicyStage' });
export type PolicyStage = z.infer<typeof PolicyStage>;

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
    /** Rego files of its own, those with tests included. */
    modules_count: z.int().nonnegative(),
    cases_count: z.int().nonnegative(),
    stage: PolicyStage,
    drafted: Timestamp,
    drafted_by: z.string(),
    /** When its tests and cases last passed. Null: they were not run, or one failed. */
    tested: Timestamp.nullable(),
    /** When a simulation of it last ended. */
    simulated: Timestamp.nullable(),
    /** Since when it runs in shadow. Null: it does not. */
    shadowed: Timestamp.nullable(),
    /** SHA-256 (hex) of the public key that it is signed with. */
    signed_by: z.string().nullable(),
    /** This version decides. */
    active: z.boolean(),
    /** When it last began to decide. Null: it never did. */
    activated: Timestamp.nullable(),
    activated_by: z.string().nullable(),
  })
  .meta({ id: 'PolicyVersionSummary' });
export type PolicyVersionSummary = z.infer<typeof PolicyVersionSummary>;

export const PolicyVersionDetail = PolicyVersionSummary.extend({
  rules: RuleSet,
  modules: RegoFiles,
  cases: WrittenCases,
  signature: PolicySignature.nullable(),
  /** The version of another installation that it was imported from. */
  origin: z.strictObject({ number: z.int(), digest: z.string(), key: z.string().nullable() }).nullable(),
}).meta({ id: 'PolicyVersionDetail' });
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

/** What became of one test. */
export const PolicyTest = z.strictObject({
  kind: z.enum(['rego', 'case']),
  name: z.string(),
  /** Of a Rego test: its file, and the line it begins in. */
  file: z.string().nullable(),
  line: z.int().nullable(),
  passed: z.boolean(),
  /** What was otherwise, or what the test printed. */
  message: z.string(),
});
export type PolicyTest = z.infer<typeof PolicyTest>;

export const PolicyTestRun = z
  .strictObject({
    /** Null for what is not stored. */
    number: z.int().nullable(),
    /** The digest that it has or would have. */
    digest: Sha256,
    passed: z.int().nonnegative(),
    failed: z.int().nonnegative(),
    tests: z.array(PolicyTest),
    /** By Rego file: first and last line of what no Rego test ran. */
    not_covered: z.record(z.string(), z.array(z.tuple([z.int(), z.int()]))),
  })
  .meta({ id: 'PolicyTestRun' });
export type PolicyTestRun = z.infer<typeof PolicyTestRun>;

/** What is different between two versions, by name. */
const changes = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ added: z.array(item), removed: z.array(item), changed: z.array(z.strictObject({ before: item, after: item })) });

export const PolicyDifference = z
  .strictObject({
    from: z.int(),
    /** Null for what is not stored. */
    to: z.int().nullable(),
    /** Both decide alike: rules and compiled module are the same. */
    same: z.boolean(),
    rules: changes(Rule),
    /** Names of Rego files, and for those that changed a unified diff. */
    modules: z.strictObject({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.strictObject({ name: z.string(), patch: z.string() })) }),
    /** Names of cases. */
    cases: z.strictObject({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.string()) }),
  })
  .meta({ id: 'PolicyDifference' });
export type PolicyDifference = z.infer<typeof PolicyDifference>;

export const PolicyKeys = z
  .strictObject({
    /** The key that this installation signs with. Null: it does not sign. */
    signing: z.strictObject({ key: z.string(), public_key: z.string() }).nullable(),
    /** Keys whose bundles are taken: SHA-256 (hex) of each. Empty: signatures are not asked for. */
    trusted: z.array(z.string()),
  })
  .meta({ id: 'PolicyKeys' });
export type PolicyKeys = z.infer<typeof PolicyKeys>;

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

/** What a version is made of. */
const sources = {
  rules: z
    .union([z.string().max(262_144, 'send rules of more than 262144 characters as a JSON document, not as text'), z.record(z.string(), z.unknown())])
    .describe(
      'The document that contracts/published/jsonschema/policy-rules.json describes, or its text in YAML or JSON (262144 characters at most). Faults of a text are reported by line and column.',
    ),
  modules: RegoFiles.default({}),
  cases: WrittenCases.default([]).describe('Each as contracts/published/jsonschema/policy-cases.json describes them.'),
};

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
    description: 'It decides nothing until it is activated. Rules and Rego are compiled, and tests and cases are run first; when something fails nothing is stored.',
    roles: ['operator'],
    body: z.strictObject({
      ...sources,
      note: Note.default(''),
      untested: z.boolean().default(false).describe('Store it without running its tests. It stays a draft until they were run and passed.'),
    }),
    response: PolicyVersionDetail,
    status: 201,
    errors: [invalidRules, casesFailed],
  }),
  check: defineRoute({
    method: 'POST',
    path: '/v1/policy/check',
    summary: 'Try rules, Rego, tests and cases, and store nothing.',
    description: 'Reads and compiles them, and runs the tests and cases. A test that fails is an answer, and not an error.',
    roles: ['operator', 'auditor'],
    body: z.strictObject(sources),
    response: PolicyTestRun,
    errors: [invalidRules],
  }),
  test: defineRoute({
    method: 'POST',
    path: '/v1/policy/versions/:number/test',
    summary: 'Run the tests and cases of a version.',
    description: 'What came out is recorded: a version becomes tested when all of them pass, and a draft again when one fails.',
    roles: ['operator'],
    params: z.strictObject({ number }),
    response: PolicyTestRun,
    errors: [notFound],
  }),
  difference: defineRoute({
    method: 'POST',
    path: '/v1/policy/diff',
    summary: 'Compare two versions, or a version and one that is not stored.',
    roles: ['operator', 'auditor'],
    body: z
      .strictObject({
        /** The active one, unless given. */
        from: z.int().nonnegative().optional(),
        to: z.int().nonnegative().optional(),
        candidate: z.strictObject(sources).optional(),
      })
      .refine((body) => (body.to === undefined) !== (body.candidate === undefined), 'give either to or candidate'),
    response: PolicyDifference,
    errors: [notFound, invalidRules],
  }),
  exportBundle: defineRoute({
    method: 'GET',
    path: '/v1/policy/versions/:number/bundle',
    summary: 'Export a version as a bundle.',
    description: 'One document with rules, Rego, tests, cases, digest and signature, for another installation or for the shelf.',
    roles: ['operator', 'auditor'],
    params: z.strictObject({ number }),
    response: PolicyBundle,
    errors: [notFound],
  }),
  importBundle: defineRoute({
    method: 'POST',
    path: '/v1/policy/bundles',
    summary: 'Store the version in a bundle as a new version.',
    description:
      'Its digest and its signature are verified, its Rego is compiled here and must give the module that the bundle names, and its tests and cases are run. It gets the next number, and the signature of this installation.',
    roles: ['operator'],
    body: z.strictObject({
      // Whatever it holds counts for its digest, so nothing in it is filled in or left out before that was compared.
      bundle: z.record(z.string(), z.unknown()).describe('As it was exported: contracts/published/jsonschema/policy-bundle.json.'),
      recompile: z.boolean().default(false).describe('Take a bundle of another release, too: its rules and Rego become a version with the module of this release.'),
    }),
    response: PolicyVersionDetail,
    status: 201,
    errors: [bundleRefused, invalidRules, casesFailed],
  }),
  keys: defineRoute({
    method: 'GET',
    path: '/v1/policy/keys',
    summary: 'Show which key signs versions, and which keys are trusted.',
    description: 'The public key is what each ingress is given to verify with.',
    roles: ['operator', 'auditor'],
    response: PolicyKeys,
    errors: [],
  }),
  sign: defineRoute({
    method: 'POST',
    path: '/v1/policy/versions/:number/sign',
    summary: 'Sign a version that was stored before there was a key, or under a key that is no longer trusted.',
    description:
      'Its Rego is compiled anew and must give the module that it names, and its tests and cases are run. One that decides is published again. Signing what is signed changes nothing.',
    roles: ['operator'],
    params: z.strictObject({ number }),
    body: z.strictObject({ digest: Sha256.describe('Of what was looked at: nothing else is signed.') }),
    response: PolicyVersionDetail,
    errors: [notFound, conflict, invalidRules, casesFailed],
  }),
  activate: defineRoute({
    method: 'POST',
    path: '/v1/policy/versions/:number/activate',
    summary: 'Let a version decide from now on.',
    description:
      'Its tests and cases are run once more, and when one fails nothing changes. Every ingress follows within a second. Activating the active version again changes nothing.',
    roles: ['operator'],
    params: z.strictObject({ number }),
    body: z.strictObject({
      /** Only if this version is active now. */ expected,
    }),
    response: PolicyVersionDetail,
    errors: [notFound, conflict, casesFailed],
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
