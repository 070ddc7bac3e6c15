import type { Command } from 'commander';
import type { Transport } from '@customhouse/events/registry/events';
import { registryRoutes, type ServerView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { visibleLine } from '../visible.js';

const columns: readonly Column<ServerView>[] = [
  { title: 'SERVER', value: (row) => row.name },
  { title: 'STATE', value: stateOf },
  { title: 'SERVED', value: (row) => row.served },
  { title: 'TO ACCEPT', value: (row) => row.quarantined + row.quarantined_prompts },
  { title: 'PROTOCOL', value: (row) => row.protocol },
  { title: 'REACHED BY', value: (row) => reachedBy(row.transport), max: 60 },
  { title: 'PROBLEM', value: (row) => row.problem, max: 80 },
];

export function addServer(program: Command, runtime: Runtime): void {
  const server = program.command('server').summary('say which MCP servers there are').description('Adds, lists, switches, removes and asks the MCP servers behind the gateway.');

  const add = server
    .command('add')
    .summary('add a server')
    .description(
      'Adds a server that is reached at an address, or that is started as a process where the gateway runs: its command comes after "--". What it offers is discovered at once.',
    )
    .argument('<name>', 'name: lower-case letters, digits and -')
    .argument('[command...]', 'after "--": the command that starts the server, with its arguments')
    .option('--url <url>', 'address of a server that speaks Streamable HTTP')
    .option('--env <name=value>', 'for the process; may be repeated. It is recorded in clear: no place for secrets', (value: string, all: readonly string[]) => [...all, value], [])
    .option('--no-wait', 'do not wait for its tools')
    .action(runtime.action(addOne));
  withExamples(
    add,
    { what: 'A server at an address', command: 'customhouse server add tickets --url https://tickets.example/mcp' },
    { what: 'A server from npm, started by the gateway', command: 'customhouse server add files -- npx -y @modelcontextprotocol/server-filesystem /srv/share' },
  );

  addPageOptions(server.command('list').summary('list servers').description('Lists servers by name, with what discovery last found.')).action(runtime.action(listServers));
  server
    .command('show')
    .summary('show a server')
    .description('Shows a server and what discovery last found.')
    .argument('<name>', 'name of the server')
    .action(runtime.action(showServer));
  server
    .command('remove')
    .summary('remove a server')
    .description('Removes a server and its tools. Calls to them are refused from now on.')
    .argument('<name>', 'name of the server')
    .action(runtime.action(removeServer));
  server
    .command('discover')
    .summary('ask a server what it offers')
    .description('Asks a server for its tools, prompts and resources now, and waits for the answer.')
    .argument('<name>', 'name of the server')
    .action(runtime.action(discover));
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    server
      .command(verb)
      .summary(enabled ? 'switch a server on' : 'switch a server off')
      .description(enabled ? 'Lets agents call the tools of a server again.' : 'Keeps a server and its tools, and lets nobody call them.')
      .argument('<name>', 'name of the server')
      .action(runtime.action((session: Session, _options: object, name: string) => change(session, name, enabled)));
  }
}

interface AddOptions {
  readonly url?: string;
  readonly env: readonly string[];
  readonly wait: boolean;
}

async function addOne(session: Session, options: AddOptions, name: string, command: readonly string[]): Promise<Exit> {
  const api = session.api('registry');
  const added = await api.request(registryRoutes.register, { body: { name, transport: transportOf(options, command) } });
  const found = options.wait ? await api.request(registryRoutes.discover, { params: { name } }) : added;
  session.terminal.result(found, () => sentence(found));
  // It is registered all the same, and will be tried again.
  return found.reachable === false ? 'failed' : 'ok';
}

function transportOf({ url, env }: AddOptions, command: readonly string[]): Transport {
  if ((url === undefined) === (command.length === 0)) {
    throw new CliProblem('usage', url === undefined ? 'how is the server reached?' : 'a server has either an address or a command', {
      hint: 'Give --url URL, or the command after "--": customhouse server add NAME -- COMMAND ARGS…',
    });
  }
  if (url !== undefined) {
    if (env.length > 0) throw new CliProblem('usage', '--env is for a server that is started as a process');
    return { kind: 'http', url };
  }
  const variables = env.map((pair) => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(pair);
    if (!match) throw new CliProblem('usage', `--env is "${pair.split('=')[0]}": it must be NAME=VALUE`);
    return [match[1]!, match[2]!] as const;
  });
  return { kind: 'stdio', command: command[0]!, args: command.slice(1), env: Object.fromEntries(variables) };
}

async function listServers(session: Session, options: PageOptions): Promise<void> {
  const api = session.api('registry');
  showPage(session, await readPages(options, (query) => api.request(registryRoutes.servers, { query })), columns, 'There are no servers: customhouse server add --help');
}

async function showServer(session: Session, _options: object, name: string): Promise<void> {
  const found = await session.api('registry').request(registryRoutes.server, { params: { name } });
  session.terminal.result(found, () => sentence(found) + `  ${visibleLine(reachedBy(found.transport))}\n`);
}

async function discover(session: Session, _options: object, name: string): Promise<Exit> {
  const found = await session.api('registry').request(registryRoutes.discover, { params: { name } });
  session.terminal.result(found, () => sentence(found));
  return found.reachable === false ? 'failed' : 'ok';
}

async function removeServer(session: Session, _options: object, name: string): Promise<void> {
  await session.api('registry').request(registryRoutes.remove, { params: { name } });
  session.terminal.result({ removed: name }, () => `Removed ${visibleLine(name)}.\n`);
}

async function change(session: Session, name: string, enabled: boolean): Promise<void> {
  const found = await session.api('registry').request(registryRoutes.change, { params: { name }, body: { enabled } });
  session.terminal.result(found, () => sentence(found));
}

function stateOf({ enabled, reachable }: ServerView): string {
  if (!enabled) return 'off';
  return reachable === null ? 'not tried yet' : reachable ? 'reached' : 'NOT REACHED';
}

function reachedBy(transport: Transport): string {
  return transport.kind === 'http' ? transport.url : [transport.command, ...transport.args].join(' ');
}

function sentence(server: ServerView): string {
  const { name, info, served, quarantined, prompts, quarantined_prompts, resources, templates, problem, protocol, lost } = server;
  const lines = [`${visibleLine(name)}: ${stateOf(server)}${info ? `, ${visibleLine(`${info.name} ${info.version}`)}` : ''}${protocol ? `, MCP ${visibleLine(protocol)}` : ''}`];
  if (problem) lines.push(`  ${visibleLine(problem)}`);
  lines.push(`  ${served} tools are served${quarantined > 0 ? `, ${quarantined} wait to be accepted: customhouse tools list --server ${name} --status quarantined` : ''}`);
  if (prompts + quarantined_prompts > 0)
    lines.push(
      `  ${prompts} prompts are served${quarantined_prompts > 0 ? `, ${quarantined_prompts} wait to be accepted: customhouse prompts list --server ${name} --status quarantined` : ''}`,
    );
  if (resources + templates > 0) lines.push(`  ${resources} resources and ${templates} templates are listed`);
  for (const [list, reason] of Object.entries(lost)) lines.push(`  its list of ${list} could not be had, so it stays as it was: ${visibleLine(reason)}`);
  return lines.join('\n') + '\n';
}
