import { Option, type Command } from 'commander';
import { CallStatus } from '@customhouse/http-contract/audit';
import { moment } from './values.js';

export interface CallFilters {
  readonly agent?: string;
  readonly person?: string;
  readonly server?: string;
  readonly method?: string;
  readonly during?: string;
  readonly tool?: string;
  readonly session?: string;
  readonly rule?: string;
  readonly effect?: 'allow' | 'refuse' | 'hold';
  readonly status?: CallStatus;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

/** What search and export have in common. */
export function addCallFilters(command: Command): Command {
  return command
    .option('--agent <name>', 'by this agent')
    .option('--person <name>', 'on behalf of this person')
    .option('--server <name>', 'to this server')
    .option('--method <method>', 'of this method of MCP')
    .option('--tool <name>', "aimed at this tool, prompt or URI, by its own name or the clients'")
    .option('--during <call>', 'what servers asked of the client in the course of this call')
    .option('--session <id>', 'in this session')
    .option('--rule <id>', 'on which this policy rule fired')
    .addOption(new Option('--effect <effect>', 'what policy decided').choices(['allow', 'refuse', 'hold']))
    .addOption(new Option('--status <status>', 'how far it has come').choices(CallStatus.options))
    .option('--since <time>', 'from then on: 2h, 7d, a date or a timestamp')
    .option('--until <time>', 'before then');
}

/** The filters as the API takes them. */
export function callFilter(options: CallFilters, text?: string) {
  const { agent, person, method, during, server, tool, session, rule, effect, status: state, since, until } = options;
  const from = since === undefined ? undefined : moment(since, Date.now());
  const to = until === undefined ? undefined : moment(until, Date.now());
  return { agent, person, method, during, server, tool, session, rule, effect, status: state, from, to, text };
}
