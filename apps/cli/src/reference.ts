import { homedir } from 'node:os';
import type { Argument, Command, Option } from 'commander';
import { exits } from './problem.js';
import { buildProgram } from './program.js';
import { examplesOf, Runtime } from './runtime.js';

/** The reference page of the command line, as Markdown. It says the same as the help, because it is made of the same. */
export function commandLineReference(): string {
  const { stdout, stderr } = process;
  const program = buildProgram(new Runtime({ environment: {}, folder: '/', home: homedir(), platform: 'linux', stdout, stderr, readStdin: () => '' }));
  const parts = [
    '# The command line',
    `\`customhouse <command> --help\` says the same. In the repository it is \`npx customhouse\`.`,
    'Results go to standard output, everything said about them to standard error. With `--json` a result is one JSON document on one line (one line for each, where results come one after the other), and an error is `{"error":{"code","exit","message"}}` on standard error.',
    '## Options of every command',
    optionTable(program.options.filter((option) => option.long !== '--version')),
    '## Exit codes',
    rows(
      ['code', 'name', 'meaning'],
      Object.entries(exits).map(([name, { code, meaning }]) => [String(code), name, meaning]),
    ),
    ...program.commands.filter((command) => command.name() !== 'help').flatMap((command) => commandParts(command, 'customhouse', 2)),
  ];
  return parts.join('\n\n') + '\n';
}

function commandParts(command: Command, parent: string, level: number): string[] {
  const name = `${parent} ${command.name()}`;
  const parts = [`${'#'.repeat(level)} ${name}`, escape(command.description() || command.summary())];
  const children = command.commands.filter((child) => child.name() !== 'help');
  if (children.length > 0) return [...parts, ...children.flatMap((child) => commandParts(child, name, level + 1))];
  parts.push(
    `\`\`\`\n${name} ${command
      .usage()
      .replace('[options]', command.options.length > 0 ? '[options]' : '')
      .trim()}`.trimEnd() + '\n```',
  );
  if (command.registeredArguments.length > 0)
    parts.push(
      rows(
        ['argument', 'meaning'],
        command.registeredArguments.map((argument) => [`\`${argument.name()}\``, argumentText(argument)]),
      ),
    );
  if (command.options.length > 0) parts.push(optionTable(command.options));
  const examples = examplesOf(command);
  if (examples.length > 0) parts.push(`\`\`\`sh\n${examples.map((example) => `# ${example.what}\n${example.command}`).join('\n')}\n\`\`\``);
  return parts;
}

function optionTable(options: readonly Option[]): string {
  return rows(
    ['option', 'meaning'],
    options.filter((option) => !option.hidden).map((option) => [`\`${option.flags}\``, optionText(option)]),
  );
}

function optionText(option: Option): string {
  const facts = [
    option.argChoices && `one of ${option.argChoices.map((choice) => `\`${choice}\``).join(', ')}`,
    option.defaultValue !== undefined && typeof option.defaultValue === 'string' && option.defaultValue !== '' && `default \`${option.defaultValue}\``,
    option.envVar && `or the environment variable \`${option.envVar}\``,
  ].filter((fact) => fact);
  return option.description + (facts.length > 0 ? `; ${facts.join('; ')}` : '');
}

function argumentText(argument: Argument): string {
  return argument.description + (argument.argChoices ? `: ${argument.argChoices.map((choice) => `\`${choice}\``).join(', ')}` : '');
}

function rows(titles: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => escape(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...lines.map(line)].join('\n');
}

/** Angle brackets outside code would be taken for HTML. */
function escape(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 0 ? part.replaceAll('<', '&lt;') : part))
    .join('`');
}
