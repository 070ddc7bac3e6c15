import type { Command } from 'commander';
import { stringify } from 'yaml';
import { policyRoutes, type PolicyVersionDetail, type PolicyVersionSummary } from '@customhouse/http-contract/policy';
import { versionNumber } from '../ids.js';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { readSources, readWrittenCases } from '../policy-folder.js';
import { asWritten } from '../policy-starter.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { visibleBlock, visibleLine } from '../visible.js';
import { addPolicyHistory } from './policy-history.js';
import { addPolicySources } from './policy-sources.js';
import { addPolicyTrials } from './policy-trials.js';

const columns: readonly Column<PolicyVersionSummary>[] = [
  { title: 'VERSION', value: (row) => row.number },
  { title: 'STAGE', value: (row) => row.stage },
  { title: 'RULES', value: (row) => row.rules_count },
  { title: 'REGO', value: (row) => row.modules_count },
  { title: 'CASES', value: (row) => row.cases_count },
  { title: 'DRAFTED', value: (row) => row.drafted },
  { title: 'BY', value: (row) => row.drafted_by, max: 32 },
  { title: 'DIGEST', value: (row) => row.digest.slice(0, 12) },
  { title: 'NOTE', value: (row) => row.note, max: 60 },
];

export function addPolicy(program: Command, runtime: Runtime): void {
  const policy = program
    .command('policy')
    .summary('change what is decided')
    .description('Shows the rules that decide, stores new ones, tries them, and lets them decide. Every ingress follows within a second.');

  policy
    .command('show')
    .summary('show a version and its rules')
    .description('Shows the version that decides, or another one, with its rules as YAML.')
    .argument('[version]', 'number of a version')
    .option('--rules', 'the rules alone, to edit and draft again')
    .action(runtime.action(show));

  addPageOptions(policy.command('versions').summary('list versions').description('Lists the versions of the policy, newest first.')).action(runtime.action(versions));

  const draft = policy
    .command('draft')
    .summary('store rules as a new version')
    .description(
      'Stores rules, Rego, tests and cases as a new version, which decides nothing yet. What is not valid, or does not do what its tests and cases say, is not stored; every fault is named with its line.',
    )
    .argument('<path>', 'rules in YAML or JSON, or a folder as "policy init" makes one; "-" reads rules from standard input')
    .option('--note <text>', 'what changes, for whoever reads the list', '')
    .option('--cases <file>', 'cases in YAML that it must pass, beside those in the folder')
    .option('--untested', 'store it without running its tests; it cannot be activated until they pass')
    .option('--activate', 'let it decide at once')
    .action(runtime.action(draftRules));
  withExamples(
    draft,
    {
      what: 'Change the rules that decide',
      command: 'customhouse policy show --rules > rules.yaml && vi rules.yaml && customhouse policy draft rules.yaml --note "allow deploys"',
    },
    { what: 'Store, test and activate in one step', command: 'customhouse policy draft rules.yaml --cases cases.yaml --activate' },
  );

  policy
    .command('activate')
    .summary('let a version decide')
    .description('Lets a version decide from now on.')
    .argument('<version>', 'number of the version')
    .option('--expected <version>', 'only if this version decides now')
    .action(runtime.action(activate));
  policy
    .command('rollback')
    .summary('back to the version before')
    .description('Lets the version decide that decided before the present one. A second rollback undoes the first.')
    .option('--expected <version>', 'only if this version decides now')
    .action(runtime.action(rollback));
  addPolicySources(policy, runtime);
  addPolicyTrials(policy, runtime);
  addPolicyHistory(policy, runtime);
}

async function show(session: Session, options: { readonly rules?: true }, version: string | undefined): Promise<void> {
  const api = session.api('policy');
  const detail = version === undefined ? await api.request(policyRoutes.active) : await api.request(policyRoutes.show, { params: { number: versionNumber(version) } });
  if (options.rules) return session.terminal.result(detail.rules, () => stringify(asWritten(detail.rules), { lineWidth: 0 }));
  session.terminal.result(detail, () => describe(detail));
}

async function versions(session: Session, options: PageOptions): Promise<void> {
  const api = session.api('policy');
  showPage(session, await readPages(options, (query) => api.request(policyRoutes.versions, { query })), columns, 'There are no versions.');
}

interface DraftOptions {
  readonly note: string;
  readonly cases?: string;
  readonly untested?: true;
  readonly activate?: true;
}

async function draftRules(session: Session, { note, cases: more, untested, activate: atOnce }: DraftOptions, path: string): Promise<void> {
  const api = session.api('policy');
  const { readStdin } = session.surroundings;
  const { rules, modules, cases } = readSources(path, readStdin);
  const body = { rules, modules, cases: more === undefined ? cases : [...cases, ...readWrittenCases(more, readStdin)], note, untested: untested === true };
  const drafted = await api.request(policyRoutes.draft, { body });
  if (!atOnce) {
    return session.terminal.result(drafted, () => `Version ${drafted.number} is stored and decides nothing yet: customhouse policy activate ${drafted.number}\n`);
  }
  const active = await api.request(policyRoutes.activate, { params: { number: drafted.number }, body: {} });
  session.terminal.result(active, () => `Version ${active.number} is stored and decides from now on.\n`);
}

async function activate(session: Session, options: { readonly expected?: string }, version: string): Promise<void> {
  const active = await session.api('policy').request(policyRoutes.activate, { params: { number: versionNumber(version) }, body: expectedBody(options.expected) });
  session.terminal.result(active, () => `Version ${active.number} decides from now on.\n`);
}

async function rollback(session: Session, options: { readonly expected?: string }): Promise<void> {
  const active = await session.api('policy').request(policyRoutes.rollback, { body: expectedBody(options.expected) });
  session.terminal.result(active, () => `Version ${active.number} decides again.\n`);
}

function expectedBody(text: string | undefined): { expected?: number } {
  return text === undefined ? {} : { expected: versionNumber(text) };
}

function describe(detail: PolicyVersionDetail): string {
  const facts = pairs([
    ['version', detail.number],
    ['decides', detail.active ? `yes, since ${detail.activated} (${detail.activated_by})` : 'no'],
    ['drafted', `${detail.drafted} by ${detail.drafted_by}`],
    ['stage', detail.stage],
    ['note', detail.note],
    ['digest', detail.digest],
    ['signed with', detail.signed_by ?? 'no key'],
    ['imported', detail.origin && `version ${detail.origin.number} of another installation, digest ${detail.origin.digest}`],
    ['cases', detail.cases_count],
  ]);
  const rules = detail.rules.rules.map((rule) => `  ${rule.effect.padEnd(6)}  ${visibleLine(rule.id)}: ${visibleLine(rule.reason)}\n`).join('');
  const modules = Object.entries(detail.modules).map(([name, text]) => `\n# ${name}\n${visibleBlock(text)}`);
  return `${facts}\n${rules}\n${visibleBlock(stringify(asWritten(detail.rules), { lineWidth: 0 }))}${modules.join('')}`;
}
