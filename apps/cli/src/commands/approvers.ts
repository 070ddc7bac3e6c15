import { Option, type Command } from 'commander';
import { approvalRoutes, IdentityKind, type ApprovalDelegation, type ApprovalIdentity } from '@customhouse/http-contract/approval';
import { checkedUlid } from '../ids.js';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { duration } from '../values.js';
import { visibleLine } from '../visible.js';

const delegationColumns: readonly Column<ApprovalDelegation>[] = [
  { title: 'DELEGATION', value: (row) => row.delegation },
  { title: 'FROM', value: (row) => row.from, max: 32 },
  { title: 'TO', value: (row) => row.to, max: 32 },
  { title: 'GROUPS', value: (row) => row.groups.join(', '), max: 32 },
  { title: 'STATE', value: (row) => (row.revoked !== null ? 'taken back' : row.expires <= new Date().toISOString() ? 'expired' : 'good') },
  { title: 'EXPIRES', value: (row) => row.expires },
  { title: 'REASON', value: (row) => row.reason, max: 40 },
];

const identityColumns: readonly Column<ApprovalIdentity>[] = [
  { title: 'IDENTITY', value: (row) => row.identity },
  { title: 'PERSON', value: (row) => row.person, max: 40 },
  { title: 'KIND', value: (row) => row.kind },
  { title: 'AUTHORITY', value: (row) => row.authority, max: 48 },
  { title: 'SUBJECT', value: (row) => row.subject, max: 48 },
  { title: 'LINKED BY', value: (row) => row.linked_by, max: 32 },
];

/** Who decides for whom, and which accounts and names are whose: more of `customhouse approvals`. */
export function addApprovers(approvals: Command, runtime: Runtime): void {
  addDelegations(approvals, runtime);
  addIdentities(approvals, runtime);
}

function addDelegations(approvals: Command, runtime: Runtime): void {
  const delegate = approvals
    .command('delegate')
    .summary('let somebody else decide in your place')
    .description('Lets another approver decide, for a time, what you may decide by your name and groups. What was delegated to you does not go with it.')
    .argument('<person>', 'who may decide in your place')
    .requiredOption('--for <time>', 'for how long (12h, 7d)')
    .option('--reason <text>', 'why', '');
  delegate.action(runtime.action(give));
  withExamples(delegate, { what: 'While you are away', command: 'customhouse approvals delegate dave@example.com --for 7d --reason holidays' });
  addPageOptions(approvals.command('delegations').summary('list delegations').description('Lists what you delegated and were delegated; operators and auditors see all.'))
    .option('--valid', 'only those that count now')
    .action(runtime.action(listDelegations));
  approvals
    .command('undelegate')
    .summary('take a delegation back')
    .description('Ends a delegation before its time. Votes that were cast stay.')
    .argument('<delegation>', 'id of the delegation')
    .action(runtime.action(revoke));
}

function addIdentities(approvals: Command, runtime: Runtime): void {
  addPageOptions(
    approvals
      .command('identities')
      .summary('list linked accounts and names')
      .description('Lists which accounts and further names belong to whom. All of a person count as one approver.'),
  )
    .option('--person <name>', 'only of this person')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices([...IdentityKind.options]))
    .action(runtime.action(listIdentities));
  const link = approvals
    .command('link')
    .summary('link an account or name to a person')
    .description('Says that an account or a further name is of this person, so that it neither counts twice nor decides about calls of its own.')
    .argument('<person>', 'the name that the person is known by')
    .addOption(new Option('--name <name>', 'another name, as in a key or token').conflicts(['slack', 'teams', 'oidc']))
    .addOption(new Option('--slack <team/user>', 'a Slack account: T0123/U0456').conflicts(['teams', 'oidc']))
    .addOption(new Option('--teams <tenant/user>', 'a Microsoft Teams account').conflicts('oidc'))
    .option('--oidc <issuer subject...>', 'an account at an OpenID provider, as two words');
  link.action(runtime.action(linkIdentity));
  withExamples(
    link,
    { what: 'The name that tokens have for somebody whose key says bob@example.com', command: 'customhouse approvals link bob@example.com --name bob.builder@corp.example' },
    { what: 'A Slack account', command: 'customhouse approvals link bob@example.com --slack T0123/U0456' },
  );
  approvals
    .command('unlink')
    .summary('unlink an account or name')
    .description('Ends a link. Nobody unlinks an account of their own.')
    .argument('<identity>', 'id from "customhouse approvals identities"')
    .action(runtime.action(unlink));
}

async function give(session: Session, options: { readonly for: string; readonly reason: string }, to: string): Promise<void> {
  const expires = new Date(Date.now() + duration(options.for)).toISOString();
  const given = await session.api('approval').request(approvalRoutes.delegate, { body: { to, expires, reason: options.reason } });
  session.terminal.result(given, () => `${given.delegation}: ${visibleLine(given.to)} may decide in your place until ${given.expires}.\n`);
}

async function listDelegations(session: Session, options: PageOptions & { readonly valid?: true }): Promise<void> {
  const api = session.api('approval');
  const page = await readPages(options, (query) => api.request(approvalRoutes.listDelegations, { query: { ...query, valid: options.valid && 'true' } }));
  showPage(session, page, delegationColumns, 'Nothing is delegated.');
}

async function revoke(session: Session, _options: object, id: string): Promise<void> {
  const delegation = checkedUlid(id, 'a delegation', 'customhouse approvals delegations');
  await session.api('approval').request(approvalRoutes.revokeDelegation, { params: { delegation } });
  session.terminal.result({ revoked: delegation }, () => `Taken back: ${delegation}\n`);
}

async function listIdentities(session: Session, options: PageOptions & { readonly person?: string; readonly kind?: ApprovalIdentity['kind'] }): Promise<void> {
  const api = session.api('approval');
  const page = await readPages(options, (query) => api.request(approvalRoutes.listIdentities, { query: { ...query, person: options.person, kind: options.kind } }));
  showPage(session, page, identityColumns, 'No accounts are linked.');
}

interface LinkOptions {
  readonly name?: string;
  readonly slack?: string;
  readonly teams?: string;
  readonly oidc?: readonly string[];
}

async function linkIdentity(session: Session, options: LinkOptions, person: string): Promise<void> {
  const linked = await session.api('approval').request(approvalRoutes.linkIdentity, { body: { ...identityIn(options), person } });
  session.terminal.result(linked, () => `${linked.identity}: ${visibleLine(linked.subject)} is ${visibleLine(linked.person)}.\n`);
}

function identityIn({ name, slack, teams, oidc }: LinkOptions): Pick<ApprovalIdentity, 'kind' | 'authority' | 'subject'> {
  if (name !== undefined) return { kind: 'name', authority: '', subject: name };
  if (slack !== undefined) return accountIn('slack', slack, 'T0123/U0456');
  if (teams !== undefined) return accountIn('teams', teams, 'tenant/user');
  const [authority, subject, ...more] = oidc ?? [];
  if (oidc === undefined) throw new CliProblem('usage', 'what is linked? --name, --slack, --teams or --oidc says it');
  if (authority === undefined || subject === undefined || more.length > 0) throw new CliProblem('usage', '--oidc takes two words: the issuer and the subject');
  return { kind: 'oidc', authority, subject };
}

function accountIn(kind: 'slack' | 'teams', text: string, example: string): Pick<ApprovalIdentity, 'kind' | 'authority' | 'subject'> {
  const [authority, subject, ...more] = text.split('/');
  if (!authority || !subject || more.length > 0) throw new CliProblem('usage', `--${kind} is "${text}": it must be like ${example}`);
  return { kind, authority, subject };
}

async function unlink(session: Session, _options: object, id: string): Promise<void> {
  const identity = checkedUlid(id, 'an identity', 'customhouse approvals identities');
  await session.api('approval').request(approvalRoutes.unlinkIdentity, { params: { identity } });
  session.terminal.result({ unlinked: identity }, () => `Unlinked: ${identity}\n`);
}
