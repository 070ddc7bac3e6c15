import type { Command } from 'commander';

/** A command as the completion scripts need it. */
export interface Node {
  /** `approvals list`; empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly Word[];
  /** Values that the first argument can have. */
  readonly arguments: readonly string[];
  readonly options: readonly OptionWord[];
}

export interface Word {
  readonly name: string;
  readonly summary: string;
}

export interface OptionWord extends Word {
  /** Values that it can have. */
  readonly choices: readonly string[];
  readonly value: 'none' | 'file' | 'folder' | 'other';
}

/** All commands, the program first. Options of the program are offered everywhere. */
export function treeOf(program: Command): Node[] {
  const shared = optionsOf(program);
  const visit = (command: Command, path: string): Node[] => {
    const subcommands = command.commands.filter((child) => child.name() !== 'help');
    const node: Node = {
      path,
      subcommands: subcommands.map((child) => ({ name: child.name(), summary: child.summary() || child.description() })),
      arguments: command.registeredArguments[0]?.argChoices ?? [],
      options: command === program ? shared : [...optionsOf(command), ...shared],
    };
    return [node, ...subcommands.flatMap((child) => visit(child, `${path} ${child.name()}`.trim()))];
  };
  return visit(program, '');
}

function optionsOf(command: Command): OptionWord[] {
  return command.options
    .filter((option) => !option.hidden && option.long)
    .map((option) => ({ name: option.long!, summary: option.description, choices: option.argChoices ?? [], value: valueOf(option.flags) }));
}

function valueOf(flags: string): OptionWord['value'] {
  if (/[<[](?:path|file)[\]>]/.test(flags)) return 'file';
  if (/[<[]dir[\]>]/.test(flags)) return 'folder';
  return /[<[]/.test(flags) ? 'other' : 'none';
}
