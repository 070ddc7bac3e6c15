import { Argument, type Command } from 'commander';
import { completionScript, shells, type Shell } from '../completion/scripts.js';
import { treeOf } from '../completion/tree.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';

export function addCompletion(program: Command, runtime: Runtime): void {
  const command = program
    .command('completion')
    .summary('print a completion script for the shell')
    .description('Prints a script that makes the shell complete commands, options and their values.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action(
      runtime.action(async (session: Session, _options: object, shell: Shell) => {
        const script = completionScript(shell, treeOf(program));
        session.terminal.result({ shell, script }, () => script);
      }),
    );
  withExamples(
    command,
    { what: 'In this bash only', command: 'source <(customhouse completion bash)' },
    { what: 'For every fish from now on', command: 'customhouse completion fish > ~/.config/fish/completions/customhouse.fish' },
  );
}
