import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { approvalRoutes, ApprovalStatus, type Approval, type ApprovalDetail } from '@customhouse/http-contract/approval';
import { targetText } from '../call-target.js';
import { checkedUlid } from '../ids.js';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { visibleBlock, visibleLine } from '../visible.js';
import { addApprovers } from './approvers.js';

interface Filters {
  readonly status: string;
  readonly agent?: string;
  readonly person?: string;
  readonly method?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly review?: 'due';
}

const columns: readonly Column<Approval>[] = [
  { title: 'APPROVAL', value: (row) => row.approval },
  { title: 'STATUS', value: (row) => row.status },
  { title: 'AGENT', value: (row) => row.agent, max: 24 },
  { title: 'PERSON', value: (row) => row.person, max: 32 },
  { title: 'TARGET', value: targetText, max: 48 },
  { title: 'APPROVED', value: (row) => `${row.approvers.length}/${row.quorum}` },
  { title: 'EXPIRES', value: (row) => row.expires },
  { title: 'REASON', value: (row) => row.reason, max: 60 },
];

export function addApprovals(program: Command, runtime: Runtime): void {
  const approvals = program
    .command('approvals')
    .summary('decide calls that wait for a person')
    .description('Lists calls that are held, shows what would run, and approves or denies it. Nobody decides about their own call.');
  const list = approvals.command('list').summary('list requests').description('Lists approval requests, newest first.');
  addFilters(addPageOptions(list)).action(runtime.action(listApprovals));
  withExamples(
    list,
    { what: 'What waits for a decision', command: 'customhouse approvals list' },
    { what: 'Everything that was ever asked, as JSON', command: 'customhouse approvals list --status all --all --json' },
    { what: 'What one person let run alone and nobody has reviewed', command: 'customhouse approvals list --review due' },
  );

  approvals
    .command('show')
    .summary('show what would run')
    .description('Shows a request and, argument by argument, the call that would run.')
    .argument('<approval>', 'id of the request')
    .action(runtime.action(showApproval));

  for (const verdict of ['approve', 'deny'] as const) {
    const command = approvals
      .command(verdict)
      .summary(verdict === 'approve' ? 'let the call run' : 'do not let the call run')
      .description(
        verdict === 'approve'
          ? 'Approves exactly the call that "show" shows. It runs once enough people have approved; the vote is refused if the request has become another one meanwhile.'
          : 'Denies the call. One denial is enough; the agent is told the reason.',
      )
      .argument('<approval>', 'id of the request')
      .option('--reason <text>', 'why, for the record and for the agent', '')
      .option('--binding <digest>', 'only if the request is still about this call (from "show")');
    command.action(runtime.action((session: Session, options: VoteOptions, id: string) => vote(session, verdict, options, id)));
    withExamples(command, {
      what: verdict === 'approve' ? 'Let it run' : 'Do not let it run',
      command: `customhouse approvals ${verdict} 01KATB2R8Q3V5W7X9YZABCDEFG --reason "checked with Ada"`,
    });
  }

  addBreakGlass(approvals, runtime);

  approvals
    .command('cancel')
    .summary('withdraw a request')
    .description('Withdraws a request of your own, or as an operator.')
    .argument('<approval>', 'id of the request')
    .option('--reason <text>', 'why', '')
    .action(runtime.action(cancel));

  const watch = approvals.command('watch').summary('show requests as they come').description('Prints each request when it is opened and when it is decided, until Ctrl-C.');
  watch.option('--interval <seconds>', 'how often to look', '1').action(runtime.action(watchApprovals));
  addApprovers(approvals, runtime);
}

function addBreakGlass(approvals: Command, runtime: Runtime): void {
  const glass = approvals
    .command('break-glass')
    .summary('let the call run alone, in an emergency')
    .description('Lets the call run on your word alone, where every rule that holds it allows that to one of your groups. Somebody else has to review it.')
    .argument('<approval>', 'id of the request')
    .requiredOption('--reason <text>', 'why it cannot wait: it is recorded and reviewed')
    .option('--binding <digest>', 'only if the request is still about this call (from "show")');
  glass.action(runtime.action(breakGlass));
  withExamples(glass, { what: 'When nobody else is there', command: 'customhouse approvals break-glass 01KATB2R8Q3V5W7X9YZABCDEFG --reason "payments stand still, INC-42"' });
  approvals
    .command('review')
    .summary('review what one person let run alone')
    .description('Says what you think of a call that somebody else let run alone.')
    .argument('<approval>', 'id of the request')
    .addOption(new Option('--verdict <verdict>', 'was it right?').choices(['justified', 'unjustified']).makeOptionMandatory())
    .option('--comment <text>', 'in words, for the record', '')
    .action(runtime.action(review));
}

function addFilters(command: Command): Command {
  return command
    .addOption(new Option('--status <status>', 'in which state').choices([...ApprovalStatus.options, 'all']).default('open'))
    .option('--agent <name>', 'asked by this agent')
    .option('--person <name>', 'on behalf of this person')
    .option('--server <name>', 'for this server')
    .option('--method <method>', 'of this method of MCP')
    .option('--tool <name>', "for this tool, prompt or URI, by the server's own name")
    .addOption(new Option('--review <state>', 'one person let it run alone, in whatever status it is').choices(['due']));
}

async function listApprovals(session: Session, options: Filters & PageOptions): Promise<void> {
  const api = session.api('approval');
  const { status, agent, person, method, server, tool, review: due } = options;
  // What is reviewed has been decided.
  const filter = { agent, person, method, server, tool, review: due, status: status === 'all' || due !== undefined ? undefined : (status as ApprovalStatus) };
  const page = await readPages(options, (query) => api.request(approvalRoutes.list, { query: { ...query, ...filter } }));
  showPage(session, page, columns, status === 'open' ? 'Nothing waits for a decision.' : 'There are no such requests.');
}

async function showApproval(session: Session, _options: object, id: string): Promise<void> {
  const detail = await session.api('approval').request(approvalRoutes.show, { params: { approval: checkedUlid(id, 'a request', 'customhouse approvals list') } });
  session.terminal.result(detail, () => describeApproval(detail));
}

interface VoteOptions {
  readonly reason: string;
  readonly binding?: string;
}

async function vote(session: Session, verdict: 'approve' | 'deny', { reason, binding }: VoteOptions, id: string): Promise<Exit | void> {
  const api = session.api('approval');
  const params = { approval: checkedUlid(id, 'a request', 'customhouse approvals list') };
  // What is approved is what was read here, not what the request may have become between two looks.
  const read = binding ?? (await api.request(approvalRoutes.show, { params })).binding;
  const after = await api.request(approvalRoutes.vote, { params, body: { verdict, reason, binding: read } });
  session.terminal.result(after, () => `${sentence(after, verdict)}\n`);
}

async function breakGlass(session: Session, { reason, binding }: VoteOptions, id: string): Promise<void> {
  const api = session.api('approval');
  const params = { approval: checkedUlid(id, 'a request', 'customhouse approvals list') };
  const read = binding ?? (await api.request(approvalRoutes.show, { params })).binding;
  const after = await api.request(approvalRoutes.breakGlass, { params, body: { reason, binding: read } });
  session.terminal.result(after, () => `${sentence(after, 'approve')} Somebody else has to review this until ${after.break_glass?.review_by ?? '?'}.\n`);
}

async function review(session: Session, options: { readonly verdict: 'justified' | 'unjustified'; readonly comment: string }, id: string): Promise<void> {
  const params = { approval: checkedUlid(id, 'a request', 'customhouse approvals list --review due') };
  const after = await session.api('approval').request(approvalRoutes.review, { params, body: { verdict: options.verdict, comment: options.comment } });
  session.terminal.result(after, () => `Reviewed: ${after.approval} was ${options.verdict}.\n`);
}

function sentence(approval: Approval, verdict: 'approve' | 'deny'): string {
  const what = `${visibleLine(targetText(approval) ?? '')} for ${visibleLine(approval.agent)} (${visibleLine(approval.person)})`;
  if (verdict === 'deny') return `Denied: ${what} will not run.`;
  if (approval.status === 'open') return `Approved by ${approval.approvers.length} of ${approval.quorum}: ${what} waits for ${missing(approval)}.`;
  if (approval.status === 'closed') return `Approved before: ${what} has run, and ended as ${visibleLine(approval.terminal ?? '?')}.`;
  return `Approved: ${what} runs now.`;
}

/** Who still has to approve. */
function missing({ missing: { people, groups } }: Approval): string {
  const ofGroups = groups.filter((group) => group.missing > 0).map((group) => `${group.missing} of ${visibleLine(group.group)}`);
  const anybody = people > 0 ? [`${people} more`] : [];
  return [...anybody, ...ofGroups].join(', ');
}

/** What is asked of the approvers, beside how many they are. */
function termsOf({ approvers = [], groups = [], fresh_login, requester_confirms, escalate, break_glass }: Approval['terms']): string {
  const parts = [
    ...approvers.map((some) => `among ${[...(some.people ?? []), ...(some.groups ?? []).map((group) => `members of ${group}`)].join(', ')}`),
    ...groups.map(({ group, quorum }) => `${quorum} of ${group}`),
    ...(fresh_login === true ? ['with a fresh login'] : []),
    ...(requester_confirms === true ? ['or whoever asked, in person'] : []),
    ...(escalate === undefined ? [] : [`after ${escalate.after_s} s also ${escalate.groups.join(', ')}`]),
    ...(break_glass === undefined ? [] : [`in an emergency one of ${break_glass.groups.join(', ')}`]),
  ];
  return parts.join('; ');
}

function glassOf(glass: Approval['break_glass']): string | null {
  if (glass === null) return null;
  const { by, reason, review_by, review } = glass;
  return `by ${by}: ${reason} (${review === null ? `to be reviewed until ${review_by}` : `${review.verdict}, says ${review.by}${review.comment === '' ? '' : `: ${review.comment}`}`})`;
}

async function cancel(session: Session, options: { readonly reason: string }, id: string): Promise<void> {
  const after = await session
    .api('approval')
    .request(approvalRoutes.cancel, { params: { approval: checkedUlid(id, 'a request', 'customhouse approvals list') }, body: { reason: options.reason } });
  session.terminal.result(after, () => `Withdrawn: ${after.approval}\n`);
}

async function watchApprovals(session: Session, options: { readonly interval: string }): Promise<Exit> {
  const interval = Number(options.interval);
  if (!(interval >= 0.2 && interval <= 3600)) throw new CliProblem('usage', `--interval is "${options.interval}": it must be 0.2 to 3600 seconds`);
  const api = session.api('approval');
  const seen = new Map<string, string>();
  session.terminal.note('Waiting for requests; Ctrl-C ends.');
  for (let first = true; !session.signal.aborted; first = false) {
    const { items } = await api.request(approvalRoutes.list, { query: { limit: 100 } });
    for (const item of items.toReversed()) {
      if (seen.get(item.approval) === item.status) continue;
      seen.set(item.approval, item.status);
      // What was decided before we looked is no news.
      if (first && item.status !== 'open') continue;
      session.terminal.item(
        item,
        () =>
          `${item.status.padEnd(11)} ${item.approval}  ${visibleLine(`${item.agent} (${item.person})`)} → ${visibleLine(targetText(item) ?? '')}: ${visibleLine(item.reason)}\n`,
      );
    }
    await sleep(interval * 1000, undefined, { signal: session.signal }).catch(() => undefined);
  }
  return 'interrupted';
}

function describeApproval(detail: ApprovalDetail): string {
  const facts = pairs([
    ['approval', detail.approval],
    ['call', detail.call],
    ['status', detail.status],
    ['agent', detail.agent],
    ['person', detail.person],
    ['owner', detail.owner],
    ['method', detail.method],
    ['server', detail.server],
    [detail.method === 'tools/call' ? 'tool' : 'target', detail.tool],
    ['held by', detail.rules.join(', ')],
    ['reason', detail.reason],
    ['approved', `${detail.approvers.length} of ${detail.quorum}${detail.approvers.length > 0 ? `: ${detail.approvers.join(', ')}` : ''}`],
    ...(detail.status === 'open' ? ([['missing', missing(detail)]] as const) : []),
    ['asks for', termsOf(detail.terms)],
    ['alone', glassOf(detail.break_glass)],
    ['opened', detail.opened],
    ['escalated', detail.escalated],
    ['expires', detail.expires],
    ['decided', detail.decided === null ? null : `${detail.decided} by ${detail.decided_by.join(', ') || 'nobody'}${detail.decision ? `: ${detail.decision}` : ''}`],
    ['binding', detail.binding],
  ]);
  const warning = detail.complete ? '' : '\nNot everything could be shown; what is missing is named above.\n';
  return `${facts}\n${visibleBlock(detail.rendering).trimEnd()}\n${warning}`;
}
