import { Option, type Command } from 'commander';
import { auditRoutes, type CallDetail, type CallSummary } from '@customhouse/http-contract/audit';
import { addCallFilters, callFilter, type CallFilters } from '../call-filters.js';
import { targetText } from '../call-target.js';
import { describeCall } from '../call-text.js';
import { checkedUlid } from '../ids.js';
import { addPageOptions, readPages, showPage, type Page, type PageOptions } from '../pages.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, table, type Column } from '../table.js';
import { exportLedger } from './audit-export.js';
import { tail } from './audit-tail.js';

const columns: readonly Column<CallSummary>[] = [
  { title: 'TIME', value: (row) => row.time ?? row.ended },
  { title: 'STATUS', value: (row) => row.status },
  { title: 'AGENT', value: (row) => row.agent, max: 24 },
  { title: 'PERSON', value: (row) => row.person, max: 32 },
  { title: 'TARGET', value: targetText, max: 48 },
  { title: 'DECISION', value: (row) => (row.effect === null ? null : `${row.effect} (${row.rules[0]?.id ?? '?'})`), max: 40 },
  { title: 'CALL', value: (row) => row.call },
];

export function addAudit(program: Command, runtime: Runtime): void {
  const audit = program
    .command('audit')
    .summary('see what happened')
    .description('Searches the record of all calls, shows one call from its first event to its last, follows events as they come, and exports.');

  const search = audit
    .command('search')
    .summary('search calls')
    .description('Searches calls, newest first.')
    .argument('[words...]', 'words that begin a word of tool, server, agent, person, rule or reason');
  addCallFilters(addPageOptions(search)).action(runtime.action(searchCalls));
  withExamples(
    search,
    { what: 'What was refused today', command: 'customhouse audit search --status refused --since 24h' },
    { what: 'What Ada had done to files', command: 'customhouse audit search --person ada@example.com delete' },
  );

  const show = audit
    .command('show')
    .summary('show one call')
    .description('Shows one call: who, what, why it was decided as it was, what it carried, and its events in order.')
    .argument('<call>', 'id of the call');
  show.action(runtime.action(showCall));

  const follow = audit
    .command('tail')
    .summary('follow events as they come')
    .description('Prints events as the ledger takes them in, until Ctrl-C. A connection that breaks is taken up again without a gap.');
  follow
    .option('--type <type>', '"call.refused", or "call." for all of a context')
    .option('--after <number>', 'begin after this event instead of now')
    .option('--count <n>', 'end after so many events');
  follow.action(runtime.action(tail));

  const exporting = audit
    .command('export')
    .summary('export as JSON Lines')
    .description('Writes calls, or with --events the ledger itself, oldest first, one JSON document a line. An export that breaks off leaves no file.');
  addCallFilters(exporting.addOption(new Option('--events', 'every event as it is in the log, for verification')))
    .option('--output <path>', 'a file instead of standard output')
    .action(runtime.action(exportLedger));
  withExamples(exporting, { what: 'The calls of a month', command: 'customhouse audit export --since 2026-11-01 --until 2026-12-01 --output november.jsonl' });

  audit
    .command('status')
    .summary('show how far the ledger has come')
    .description('Shows up to when the record is complete, what is behind, and what contradicts itself.')
    .action(runtime.action(status));
  addPageOptions(
    audit
      .command('anomalies')
      .summary("list contradictions in calls' records")
      .description('Lists events that should not be there: a second end of a call, an end without a beginning.'),
  ).action(runtime.action(anomalies));
  audit
    .command('rebuild')
    .summary('make the view of calls anew')
    .description('Makes the calls anew from their events beside the live ones, compares, and puts them in their place. "audit status" shows how it goes.')
    .addOption(new Option('--source <source>', 'what to read').choices(['log', 'ledger']).default('log'))
    .action(runtime.action(rebuild));
}

async function searchCalls(session: Session, options: CallFilters & PageOptions, words: readonly string[]): Promise<void> {
  const api = session.api('audit');
  const filter = callFilter(options, words.length > 0 ? words.join(' ') : undefined);
  let complete: string | null = null;
  const page = await readPages<CallSummary>(options, async (query) => {
    const answer = await api.request(auditRoutes.search, { query: { ...query, ...filter } });
    complete = answer.complete_until;
    return answer;
  });
  showPage<CallSummary>(session, { ...page, complete_until: complete } as Page<CallSummary>, columns, 'No call is known that fits.');
}

async function showCall(session: Session, _options: object, id: string): Promise<void> {
  const detail: CallDetail = await session.api('audit').request(auditRoutes.show, { params: { call: checkedUlid(id, 'a call', 'customhouse audit search') } });
  session.terminal.result(detail, () => describeCall(detail));
}

async function status(session: Session): Promise<void> {
  const answer = await session.api('audit').request(auditRoutes.projections);
  session.terminal.result(answer, () => {
    const behind = answer.positions.filter((position) => position.behind > 0);
    const facts = pairs([
      ['complete until', answer.complete_until],
      ['behind', behind.reduce((sum, position) => sum + position.behind, 0)],
      ['dead letters', answer.dead_letters],
      ['anomalies', answer.anomalies],
      [
        'last rebuild',
        answer.rebuild &&
          `${answer.rebuild.state}${answer.rebuild.equal === null ? '' : answer.rebuild.equal ? ', the same as before' : ', DIFFERENT from before'}${answer.rebuild.problem ? `: ${answer.rebuild.problem}` : ''}`,
      ],
    ]);
    if (behind.length === 0) return facts;
    return `${facts}\n${table(behind, [
      { title: 'TOPIC', value: (row) => row.topic },
      { title: 'PARTITION', value: (row) => row.partition },
      { title: 'BEHIND', value: (row) => row.behind },
    ])}`;
  });
}

async function anomalies(session: Session, options: PageOptions): Promise<void> {
  const page = await readPages(options, (query) => session.api('audit').request(auditRoutes.anomalies, { query }));
  showPage(
    session,
    page,
    [
      { title: 'TIME', value: (row) => row.time },
      { title: 'KIND', value: (row) => row.kind },
      { title: 'EVENT', value: (row) => row.type },
      { title: 'CALL', value: (row) => row.call },
      { title: 'POSITION', value: (row) => `${row.position.topic}/${row.position.partition}/${row.position.offset}` },
    ],
    'Nothing contradicts itself.',
  );
}

async function rebuild(session: Session, options: { readonly source: 'log' | 'ledger' }): Promise<void> {
  const answer = await session.api('audit').request(auditRoutes.rebuild, { body: { source: options.source } });
  session.terminal.result(answer, () => 'The rebuild has begun; "customhouse audit status" shows how it goes.\n');
}
