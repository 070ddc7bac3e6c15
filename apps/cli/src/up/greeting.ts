import type { Embedded } from '@customhouse/embedded/embedded';
import type { Session } from '../session.js';

/** What is said when the gateway is ready: where it is, and what to try. */
export function greeting(session: Session, gateway: Embedded): string {
  const me = commandOf(session);
  const next = [
    ['tools', 'what agents can call'],
    ['call everything__echo message=hello', 'call a tool as an agent would'],
    ['approvals list', 'what waits for a person'],
    ['audit search', 'what happened'],
    ['connect claude-code', 'let your client use the gateway'],
    ['--help', 'everything else'],
  ] as const;
  const longest = Math.max(...next.map(([command]) => command.length));
  return `
Customhouse is running.

  agents connect to   ${gateway.mcp}${gateway.development ? '   (on this machine without a key)' : '   (with a key)'}
  control API         ${gateway.api}
  data                ${session.dataFolder}
  log                 ${gateway.logFile}   (events: ${gateway.log})

Where to go next, in another terminal (docs/tutorial/first-call.md explains):

${next.map(([command, what]) => `  ${me} ${command.padEnd(longest)}   ${what}`).join('\n')}

Ctrl-C stops it; the data stays.
`;
}

/** How this person calls the command line, with the data folder where it is not the usual one. */
export function commandOf({ surroundings, options }: Session): string {
  const { environment } = surroundings;
  const name = environment['npm_execpath'] ? 'npx customhouse' : 'customhouse';
  return options.data && !environment['CUSTOMHOUSE_DATA_DIR'] ? `${name} --data ${quoted(options.data)}` : name;
}

function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
