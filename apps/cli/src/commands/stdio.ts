import type { Command } from 'commander';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';

interface StdioOptions {
  readonly server?: string;
  readonly toolset?: string;
}

const name = /^[a-z0-9-]{1,32}$/;

export function addStdio(program: Command, runtime: Runtime): void {
  const command = program
    .command('stdio')
    .summary('be an MCP server on standard input and output, for clients that speak only that')
    .description(
      'Relays each line of JSON-RPC to the address that agents use, and what comes back to standard output, in whichever revision the client speaks. The key of the agent is read from --key-file or CUSTOMHOUSE_KEY. It ends with its input.',
    )
    .option('--server <name>', 'only the tools of this server, under their own names')
    .option('--toolset <name>', 'only what is in this toolset')
    .action(runtime.action(stdio));
  withExamples(
    command,
    { what: 'What a client of MCP is told to start', command: 'customhouse stdio --mcp http://127.0.0.1:8400/mcp --key-file ~/.customhouse/agent.key' },
    { what: 'One server only', command: 'customhouse stdio --server everything' },
  );
}

async function stdio(session: Session, options: StdioOptions): Promise<void> {
  if (session.options.keyFile === '-') throw new CliProblem('usage', '--key-file is "-", but standard input is for messages', { hint: 'Give a file, or CUSTOMHOUSE_KEY.' });
  const url = endpoint(session.mcp(), options);
  const { relay } = await import('../stdio/relay.js');
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGTERM', end);
  try {
    await relay({
      url,
      key: session.givenKey(),
      input: process.stdin,
      output: session.surroundings.stdout,
      note: (text) => session.terminal.note(text),
      signal: AbortSignal.any([session.signal, ended.signal]),
      drain_ms: session.timeout_ms,
    });
  } finally {
    process.off('SIGTERM', end);
  }
}

function endpoint(mcp: string, { server, toolset }: StdioOptions): string {
  if (server === undefined && toolset === undefined) return mcp;
  if (server !== undefined && toolset !== undefined) throw new CliProblem('usage', '--server and --toolset cannot go together', { hint: 'Give one of them.' });
  const chosen = (server ?? toolset)!;
  if (!name.test(chosen))
    throw new CliProblem('usage', `"${chosen}" is no name of a ${server === undefined ? 'toolset' : 'server'}`, { hint: 'A name is 1 to 32 of a-z, 0-9 and "-".' });
  const url = new URL(mcp);
  if (!url.pathname.endsWith('/mcp')) throw new CliProblem('usage', `${mcp} is one server or toolset already`, { hint: 'Give the address that ends in /mcp.' });
  url.pathname = server === undefined ? `${url.pathname}/${chosen}` : url.pathname.replace(/mcp$/, `servers/${chosen}/mcp`);
  return url.href;
}
