import { Option, type Command } from 'commander';
import { ToolLabel } from '@customhouse/events/registry/events';
import { registryRoutes, type ToolView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { visibleBlock, visibleLine } from '../visible.js';

const columns: readonly Column<ToolView>[] = [
  { title: 'TOOL', value: (row) => `${row.server}__${row.tool}` },
  { title: 'STATUS', value: (row) => row.status },
  { title: 'LABELS', value: (row) => row.labels.join(', '), max: 40 },
  { title: 'DESCRIPTION', value: descriptionOf, max: 70 },
];

export function addTools(program: Command, runtime: Runtime): void {
  const tools = program
    .command('tools')
    .summary('see and accept the tools of the servers')
    .description('Lists tools, shows their definitions, and accepts new or changed ones, which are not served before.');

  const list = tools
    .command('list', { isDefault: true })
    .summary('list tools')
    .description('Lists the tools of all servers. Only a served tool can be called; a quarantined one is new or has changed, and waits for somebody to accept it.')
    .option('--server <name>', 'of this server')
    .addOption(new Option('--status <status>', 'only these').choices(['served', 'quarantined']));
  addPageOptions(list).action(runtime.action(listTools));
  withExamples(
    list,
    { what: 'What agents can call', command: 'customhouse tools --status served' },
    { what: 'What waits for a review', command: 'customhouse tools list --status quarantined' },
  );

  tools
    .command('show')
    .summary('show the definition of a tool')
    .description('Shows what a server says about a tool now, and whether that was accepted.')
    .argument('<tool>', 'SERVER__TOOL or SERVER/TOOL')
    .action(runtime.action(showTool));

  const accept = tools
    .command('accept')
    .summary('let a definition be served')
    .description('Accepts the definition that the server offers now. With --digest only if it is still the one that was looked at.')
    .argument('<tool>', 'SERVER__TOOL or SERVER/TOOL')
    .option('--digest <digest>', 'the definition that was looked at, from "tools show"')
    .option(
      '--label <label>',
      `what the tool does, by your judgement, instead of what is proposed; may be repeated: ${ToolLabel.options.join(', ')}`,
      (value: string, all?: readonly string[]) => [...(all ?? []), value],
    )
    .action(runtime.action(acceptTool));
  withExamples(accept, { what: 'A tool that turns out to send mail', command: 'customhouse tools accept crm__notify --label communicates-externally' });
}

interface ListOptions extends PageOptions {
  readonly server?: string;
  readonly status?: ToolView['status'];
}

async function listTools(session: Session, options: ListOptions): Promise<void> {
  const api = session.api('registry');
  const { server, status } = options;
  const page = await readPages(options, (query) => api.request(registryRoutes.tools, { query: { ...query, server, status } }));
  showPage(session, page, columns, 'There are no such tools.');
}

async function showTool(session: Session, _options: object, name: string): Promise<void> {
  const found = await session.api('registry').request(registryRoutes.tool, { params: splitTool(name) });
  session.terminal.result(found, () => describe(found));
}

async function acceptTool(session: Session, options: { readonly digest?: string; readonly label?: readonly string[] }, name: string): Promise<void> {
  const api = session.api('registry');
  const params = splitTool(name);
  const labels = options.label?.map(checkedLabel);
  const digest = options.digest ?? (await api.request(registryRoutes.tool, { params })).digest;
  const accepted = await api.request(registryRoutes.accept, { params, body: { digest, ...(labels && { labels }) } });
  session.terminal.result(accepted, () => `${visibleLine(`${accepted.server}__${accepted.tool}`)} is served, with the labels ${accepted.labels.join(', ') || '(none)'}.\n`);
}

function splitTool(name: string): { server: string; tool: string } {
  const match = /^([a-z0-9-]+)(?:__|\/)(.+)$/.exec(name);
  if (!match) throw new CliProblem('usage', `"${name}" is not a tool`, { hint: 'Write SERVER__TOOL, as "customhouse tools" shows it.' });
  return { server: match[1]!, tool: match[2]! };
}

function checkedLabel(text: string): ToolLabel {
  const label = ToolLabel.safeParse(text);
  if (!label.success) throw new CliProblem('usage', `"${text}" is not a label`, { hint: `The labels are ${ToolLabel.options.join(', ')}.` });
  return label.data;
}

function descriptionOf({ definition }: ToolView): string {
  return typeof definition['description'] === 'string' ? definition['description'] : '';
}

function describe(tool: ToolView): string {
  const facts = pairs([
    ['tool', `${tool.server}__${tool.tool}`],
    ['status', tool.status],
    ['labels', tool.labels.join(', ')],
    ['digest', tool.digest],
    ['accepted', tool.accepted === null ? 'never' : tool.accepted === tool.digest ? 'this definition' : `another one: ${tool.accepted}`],
    ['seen', tool.seen],
  ]);
  return `${facts}\n${visibleBlock(JSON.stringify(tool.definition, undefined, 2))}\n`;
}
