import type { Command } from 'commander';
import { registryRoutes, type ToolsetView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { pairs, type Column } from '../table.js';
import { visibleLine } from '../visible.js';

const columns: readonly Column<ToolsetView>[] = [
  { title: 'TOOLSET', value: (row) => row.name },
  { title: 'TOOLS', value: (row) => row.tools.join(', '), max: 60 },
  { title: 'PROMPTS', value: (row) => row.prompts.join(', '), max: 30 },
  { title: 'RESOURCES', value: (row) => row.resources.join(', '), max: 30 },
  { title: 'SEARCHED', value: (row) => (row.search ? 'yes' : '') },
  { title: 'DESCRIPTION', value: (row) => row.description, max: 50 },
];

export function addToolset(program: Command, runtime: Runtime): void {
  const toolset = program
    .command('toolset')
    .summary('name parts of the catalogue')
    .description('Keeps toolsets: each is a part of what the servers offer, and has an endpoint of its own, /mcp/NAME. It narrows what agents see there, and permits nothing.');

  const set = toolset
    .command('set')
    .summary('make or replace a toolset')
    .description('Makes a toolset, or replaces all that is in it. Patterns are SERVER/NAME, and each side may contain *.')
    .argument('<name>', 'name: lower-case letters, digits and -')
    .option('--tool <pattern>', 'tools in it; may be repeated', more, [])
    .option('--prompt <pattern>', 'prompts in it; may be repeated', more, [])
    .option('--resource <pattern>', 'resources in it, by URI, and templates by their text; may be repeated', more, [])
    .option('--description <text>', 'what it is for', '')
    .option('--search', 'agents see find_tools and call_tool instead of the definitions of all tools')
    .action(runtime.action(define));
  withExamples(
    set,
    { what: 'What the support desk needs', command: "customhouse toolset set support --tool 'tickets/get_*' --tool '*/search' --resource 'files/file:///manuals/*'" },
    { what: 'Everything, for agents that search instead of reading a thousand definitions', command: "customhouse toolset set all --tool '*/*' --search" },
  );

  addPageOptions(toolset.command('list', { isDefault: true }).summary('list toolsets').description('Lists toolsets by name.')).action(runtime.action(list));
  toolset.command('show').summary('show a toolset').description('Shows what is in a toolset.').argument('<name>', 'name of the toolset').action(runtime.action(show));
  toolset
    .command('remove')
    .summary('remove a toolset')
    .description('Removes a toolset. Its endpoint is gone from now on.')
    .argument('<name>', 'name of the toolset')
    .action(runtime.action(remove));
}

interface SetOptions {
  readonly tool: string[];
  readonly prompt: string[];
  readonly resource: string[];
  readonly description: string;
  readonly search?: true;
}

function more(value: string, all: readonly string[]): string[] {
  return [...all, value];
}

async function define(session: Session, options: SetOptions, name: string): Promise<void> {
  const { tool: tools, prompt: prompts, resource: resources, description, search = false } = options;
  const made = await session.api('registry').request(registryRoutes.defineToolset, { params: { name }, body: { tools, prompts, resources, description, search } });
  session.terminal.result(made, () => `The toolset ${visibleLine(made.name)} is served at /mcp/${visibleLine(made.name)}.\n`);
}

async function list(session: Session, options: PageOptions): Promise<void> {
  const api = session.api('registry');
  showPage(session, await readPages(options, (query) => api.request(registryRoutes.toolsets, { query })), columns, 'There are no toolsets: customhouse toolset set --help');
}

async function show(session: Session, _options: object, name: string): Promise<void> {
  const found = await session.api('registry').request(registryRoutes.toolset, { params: { name } });
  session.terminal.result(found, () =>
    pairs([
      ['toolset', found.name],
      ['description', found.description],
      ['tools', found.tools.join(', ')],
      ['prompts', found.prompts.join(', ')],
      ['resources', found.resources.join(', ')],
      ['searched', found.search ? 'yes: find_tools and call_tool' : 'no'],
      ['changed', found.changed],
    ]),
  );
}

async function remove(session: Session, _options: object, name: string): Promise<void> {
  await session.api('registry').request(registryRoutes.removeToolset, { params: { name } });
  session.terminal.result({ removed: name }, () => `Removed ${visibleLine(name)}.\n`);
}
