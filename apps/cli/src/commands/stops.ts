import { Argument, type Command } from 'commander';
import { policyRoutes, type PolicyStop } from '@customhouse/http-contract/policy';
import { StopKind, stopTarget } from '@customhouse/policy-contract/stops';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { visibleLine } from '../visible.js';

const columns: readonly Column<PolicyStop>[] = [
  { title: 'SINCE', value: (row) => row.since },
  { title: 'KIND', value: (row) => row.kind },
  { title: 'NAME', value: (row) => row.name, max: 60 },
  { title: 'BY', value: (row) => row.by, max: 32 },
  { title: 'REASON', value: (row) => row.reason, max: 60 },
];

/** The kill switch, where a hand in a hurry finds it: directly below the program. */
export function addStops(program: Command, runtime: Runtime): void {
  const stop = targeted(program.command('stop').summary('stop an agent, a person, a tool, a server, or everything'))
    .description(
      'Stops an agent, a person, a tool, a server, or everything. Every ingress refuses its calls within a second, cancels those in flight, and sends no held call, approved or not, whatever the rules say.',
    )
    .option('--reason <text>', 'what agents are told, and the record shows')
    .action(runtime.action(order));
  withExamples(
    stop,
    { what: 'Stop what an agent does, whoever it acts for', command: 'customhouse stop agent claude --reason "It pays twice."' },
    { what: 'Stop one tool', command: 'customhouse stop tool bank/pay' },
    { what: 'Stop everything', command: 'customhouse stop everything' },
  );
  addPageOptions(program.command('stops').summary('list what is stopped').description('Lists what is stopped, newest first.')).action(runtime.action(list));
  const lifting = targeted(program.command('lift').summary('lift a stop'))
    .description('Lifts a stop, and the rules decide again. What was refused or cancelled stays so.')
    .option('--reason <text>', 'why, for the record')
    .action(runtime.action(lift));
  withExamples(lifting, { what: 'Let the agent go on', command: 'customhouse lift agent claude --reason "Repaired."' });
}

function targeted(command: Command): Command {
  return command
    .addArgument(new Argument('<kind>', 'what it is about').choices(StopKind.options))
    .argument('[name]', 'name of the agent, person or server; of a tool SERVER/TOOL; nothing for everything');
}

interface Why {
  readonly reason?: string;
}

async function order(session: Session, options: Why, kind: StopKind, name?: string): Promise<void> {
  const stop = await session.api('policy').request(policyRoutes.stop, { body: { kind, name, reason: options.reason } });
  session.terminal.result(stop, () => `Stopped: ${words(stop)}. Its calls are refused from now on.\n`);
}

async function list(session: Session, options: PageOptions): Promise<void> {
  const api = session.api('policy');
  showPage(session, await readPages(options, (query) => api.request(policyRoutes.stops, { query })), columns, 'Nothing is stopped.');
}

async function lift(session: Session, options: Why, kind: StopKind, name?: string): Promise<void> {
  await session.api('policy').request(policyRoutes.lift, { body: { kind, name, reason: options.reason } });
  const target = stopTarget(kind, name ?? '');
  session.terminal.result({ lifted: target }, () => `Lifted: ${words(target)}. The rules decide again.\n`);
}

function words({ kind, name }: { readonly kind: StopKind; readonly name: string }): string {
  return kind === 'everything' ? 'everything' : `${kind} ${visibleLine(name)}`;
}
