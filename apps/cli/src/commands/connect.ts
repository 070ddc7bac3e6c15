import { resolve } from 'node:path';
import { Argument, Option, type Command } from 'commander';
import { clientNames, clients, type ClientName, type Credential } from '../connect/clients.js';
import { difference, planConnection, type ConnectPlan } from '../connect/connect.js';
import { replaceConfiguration } from '../connect/file.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { visibleBlock } from '../visible.js';

interface ConnectOptions {
  readonly name: string;
  readonly project?: string | true;
  readonly file?: string;
  readonly key?: 'none' | 'env' | 'embed';
  readonly variable: string;
  readonly remove?: true;
  readonly dryRun?: true;
}

export function addConnect(program: Command, runtime: Runtime): void {
  const command = program
    .command('connect')
    .summary('write the gateway into the configuration of an MCP client')
    .description(
      'Adds the gateway to the configuration of an MCP client, or takes it out again. Everything else in the file stays as it is, and the file that was there is kept as a backup. Without --key a gateway on this machine is used without a key (its development profile), any other with the key from an environment variable.',
    )
    .addArgument(new Argument('<client>', 'the client').choices(clientNames))
    .option('--name <name>', 'what the client calls the gateway', 'customhouse')
    .option('--project [dir]', "the project's own configuration instead of the person's")
    .option('--file <path>', 'another configuration file than the usual one')
    .addOption(
      new Option(
        '--key <how>',
        'how the client gets its key: not at all, from an environment variable when it starts, or written into its file (from --key-file or CUSTOMHOUSE_KEY)',
      ).choices(['none', 'env', 'embed']),
    )
    .option('--variable <name>', 'the environment variable of --key env', 'CUSTOMHOUSE_KEY')
    .option('--remove', 'take the gateway out')
    .option('--dry-run', 'show what would change, and change nothing')
    .action(runtime.action(connect));
  withExamples(
    command,
    { what: 'Claude Code, for you, with the gateway on this machine', command: 'customhouse connect claude-code' },
    { what: 'What would change in the configuration of Codex', command: 'customhouse connect codex --dry-run' },
    { what: "A project's VS Code with a gateway elsewhere", command: 'customhouse connect vscode --project --mcp https://gateway.example/mcp' },
  );
}

async function connect(session: Session, options: ConnectOptions, client: ClientName): Promise<void> {
  const folder = session.surroundings.folder;
  const project = options.project === undefined ? undefined : resolve(folder, options.project === true ? '.' : options.project);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(options.name)) throw new CliProblem('usage', `--name is "${options.name}": it must be 1 to 64 of A-Z, a-z, 0-9, _ and -`);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(options.variable)) throw new CliProblem('usage', `--variable is "${options.variable}", which is not the name of an environment variable`);
  const entry = options.remove ? null : entryFor(session, options);
  const plan = planConnection({ client, name: options.name, project, file: options.file && resolve(folder, options.file), entry }, session.surroundings);
  const changed = plan.after !== plan.before;
  const backup = changed && !options.dryRun ? replaceConfiguration(plan.path, plan.after, { secret: plan.secret, now: new Date() }) : undefined;
  const hide = (text: string) => (entry?.credential.kind === 'embedded' ? text.replaceAll(entry.credential.key, '<key>') : text);
  const document = {
    client,
    file: plan.path,
    changed,
    dry_run: options.dryRun === true,
    backup: backup ?? null,
    entry: plan.entry && JSON.parse(hide(JSON.stringify(plan.entry))),
  };
  session.terminal.result(document, () => report(plan, { client, changed, backup, options, hide, entry }));
}

function entryFor(session: Session, options: ConnectOptions): { url: string; credential: Credential } {
  const url = session.mcp();
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  const how = options.key ?? (local ? 'none' : 'env');
  if (how === 'none') return { url, credential: { kind: 'none' } };
  if (how === 'env') return { url, credential: { kind: 'variable', name: options.variable } };
  const key = session.givenKey();
  if (!key) throw new CliProblem('usage', '--key embed needs the key', { hint: 'Give --key-file PATH, or set CUSTOMHOUSE_KEY.' });
  return { url, credential: { kind: 'embedded', key } };
}

interface Report {
  readonly client: ClientName;
  readonly changed: boolean;
  readonly backup: string | undefined;
  readonly options: ConnectOptions;
  readonly hide: (text: string) => string;
  readonly entry: { readonly credential: Credential } | null;
}

function report(plan: ConnectPlan, { client, changed, backup, options, hide, entry }: Report): string {
  const { title, next } = clients[client];
  if (!changed) return `${plan.path} says so already; nothing was changed.\n`;
  const shown = `${plan.path}\n${visibleBlock(hide(difference(plan.before, plan.after)))}\n`;
  if (options.dryRun) return `Would change ${shown}`;
  const lines = [`Changed ${shown}`];
  if (backup) lines.push(`What was there before is in ${backup}`);
  if (entry?.credential.kind === 'variable' && client !== 'vscode') lines.push(`Set ${entry.credential.name} to the key of an agent before you start ${title}.`);
  lines.push(next);
  return lines.join('\n') + '\n';
}
