import { Option, type Command } from 'commander';
import { CliProblem } from './problem.js';
import { duration } from './values.js';

/** What every command takes, before or after its own options. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly api?: string;
  readonly mcp?: string;
  readonly keyFile?: string;
  readonly data?: string;
  readonly timeout?: string;
}

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--json', 'print JSON, for programs'))
    .addOption(new Option('--api <url>', 'control API: one address, or registry=URL,policy=URL,approval=URL,audit=URL,scanner=URL,ingress=URL').env('CUSTOMHOUSE_API_URL'))
    .addOption(new Option('--mcp <url>', 'address that agents use').env('CUSTOMHOUSE_MCP_URL'))
    .addOption(new Option('--key-file <path>', 'file with the key to use (or CUSTOMHOUSE_KEY); "-" reads standard input').env('CUSTOMHOUSE_KEY_FILE'))
    .addOption(new Option('--data <dir>', 'data folder of a gateway on this machine').env('CUSTOMHOUSE_DATA_DIR'))
    .addOption(new Option('--timeout <time>', 'longest wait for one answer (30s)'))
    .addOption(new Option('--verbose', 'show where an error came from'));
}

export function timeoutOf(options: GlobalOptions): number {
  const value = duration(options.timeout ?? '30s');
  if (value < 1 || value > 86_400_000) throw new CliProblem('usage', `--timeout is "${options.timeout}": it must be between 1s and 1d`);
  return value;
}
