import { Option, type Command } from 'commander';
import { registryRoutes, type PromptView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { visibleBlock, visibleLine } from '../visible.js';

const columns: readonly Column<PromptView>[] = [
  { title: 'PROMPT', value: nameOf },
  { title: 'STATUS', value: (row) => row.status },
  { title: 'DESCRIPTION', value: ({ definition }) => (typeof definition['description'] === 'string' ? definition['description'] : ''), max: 70 },
];

export function addPrompts(program: Command, runtime: Runtime): void {
  const prompts = program
    .command('prompts')
    .summary('see and accept the prompts of the servers')
    .description('Lists prompts, shows their definitions, and accepts new or changed ones, which are not served before.');

  const list = prompts
    .command('list', { isDefault: true })
    .summary('list prompts')
    .description('Lists the prompts of all servers. What a prompt says steers a model, so a new or changed one is quarantined until somebody accepts it.')
    .option('--server <name>', 'of this server')
    .addOption(new Option('--status <status>', 'only these').choices(['served', 'quarantined']));
  addPageOptions(list).action(runtime.action(listPrompts));
  withExamples(list, { what: 'What waits for a review', command: 'customhouse prompts list --status quarantined' });

  prompts
    .command('show')
    .summary('show the definition of a prompt')
    .description('Shows what a server says about a prompt now, and whether that was accepted.')
    .argument('<prompt>', 'SERVER__PROMPT or SERVER/PROMPT')
    .action(runtime.action(showPrompt));

  prompts
    .command('accept')
    .summary('let a definition be served')
    .description('Accepts the definition that the server offers now. With --digest only if it is still the one that was looked at.')
    .argument('<prompt>', 'SERVER__PROMPT or SERVER/PROMPT')
    .option('--digest <digest>', 'the definition that was looked at, from "prompts show"')
    .action(runtime.action(acceptPrompt));
}

interface ListOptions extends PageOptions {
  readonly server?: string;
  readonly status?: PromptView['status'];
}

async function listPrompts(session: Session, options: ListOptions): Promise<void> {
  const api = session.api('registry');
  const { server, status } = options;
  const page = await readPages(options, (query) => api.request(registryRoutes.prompts, { query: { ...query, server, status } }));
  showPage(session, page, columns, 'There are no such prompts.');
}

async function showPrompt(session: Session, _options: object, name: string): Promise<void> {
  const found = await session.api('registry').request(registryRoutes.prompt, { params: split(name) });
  session.terminal.result(found, () => describe(found));
}

async function acceptPrompt(session: Session, options: { readonly digest?: string }, name: string): Promise<void> {
  const api = session.api('registry');
  const params = split(name);
  const digest = options.digest ?? (await api.request(registryRoutes.prompt, { params })).digest;
  const accepted = await api.request(registryRoutes.acceptPrompt, { params, body: { digest } });
  session.terminal.result(accepted, () => `${visibleLine(nameOf(accepted))} is served.\n`);
}

function split(name: string): { server: string; prompt: string } {
  const match = /^([a-z0-9-]+)(?:__|\/)(.+)$/.exec(name);
  if (!match) throw new CliProblem('usage', `"${name}" is not a prompt`, { hint: 'Write SERVER__PROMPT, as "customhouse prompts" shows it.' });
  return { server: match[1]!, prompt: match[2]! };
}

function nameOf({ server, prompt }: PromptView): string {
  return `${server}__${prompt}`;
}

function describe(prompt: PromptView): string {
  const facts = pairs([
    ['prompt', nameOf(prompt)],
    ['status', prompt.status],
    ['digest', prompt.digest],
    ['accepted', prompt.accepted === null ? 'never' : prompt.accepted === prompt.digest ? 'this definition' : `another one: ${prompt.accepted}`],
    ['seen', prompt.seen],
  ]);
  return `${facts}\n${visibleBlock(JSON.stringify(prompt.definition, undefined, 2))}\n`;
}
