import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { CommanderError } from 'commander';
import { CliProblem, exits, problemDocument, problemText, type Exit } from './problem.js';
import { buildProgram } from './program.js';
import { Runtime } from './runtime.js';
import type { Surroundings } from './terminal.js';

/** Runs one command line and answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const surroundings: Surroundings = {
    environment: process.env,
    folder: process.cwd(),
    home: homedir(),
    platform: process.platform,
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: () => readFileSync(0, 'utf8'),
  };
  // `customhouse … | head` is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const runtime = new Runtime(surroundings);
  process.once('SIGINT', () => runtime.interrupt());
  return exits[await run(runtime, argv)].code;
}

async function run(runtime: Runtime, argv: readonly string[]): Promise<Exit> {
  const { stderr } = runtime.surroundings;
  try {
    await buildProgram(runtime).parseAsync([...argv], { from: 'user' });
    return runtime.exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 'ok';
    const problem = problemOf(error);
    // Whoever interrupts knows why it ended.
    if (problem.exit === 'interrupted') return 'interrupted';
    stderr.write(argv.includes('--json') ? JSON.stringify(problemDocument(problem)) + '\n' : problemText(problem));
    if (argv.includes('--verbose')) stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    return problem.exit;
  }
}

function problemOf(error: unknown): CliProblem {
  if (error instanceof CliProblem) return error;
  if (error instanceof CommanderError) {
    // Without a subcommand commander has printed the help already.
    if (error.code === 'commander.help') return new CliProblem('usage', 'a command is missing');
    return new CliProblem('usage', error.message.replace(/^error: /, ''), { hint: 'Add --help to see what there is.' });
  }
  return new CliProblem('failed', `an error of ours: ${error instanceof Error ? error.message : String(error)}`, {
    hint: 'Run the command again with --verbose and report what it prints.',
    cause: error,
  });
}
