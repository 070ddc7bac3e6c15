import { Command } from 'commander';
import { addApprovals } from './commands/approvals.js';
import { addAudit } from './commands/audit.js';
import { addCall } from './commands/call.js';
import { addCompletion } from './commands/completion.js';
import { addConnect } from './commands/connect.js';
import { addDoctor } from './commands/doctor.js';
import { addFindings } from './commands/findings.js';
import { addKeys } from './commands/keys.js';
import { addPolicy } from './commands/policy.js';
import { addPrompts } from './commands/prompts.js';
import { addResources } from './commands/resources.js';
import { addServer } from './commands/server.js';
import { addStdio } from './commands/stdio.js';
import { addStops } from './commands/stops.js';
import { addTools } from './commands/tools.js';
import { addToolset } from './commands/toolset.js';
import { addUp } from './commands/up.js';
import { addGlobalOptions } from './options.js';
import { exits } from './problem.js';
import type { Runtime } from './runtime.js';

/** Every command, in the order in which the help lists them. */
export function buildProgram(runtime: Runtime): Command {
  const program = new Command('customhouse');
  program
    .description('Customhouse: an MCP gateway that identifies, decides and records every tool call, and holds some for a person.')
    .version('0.1.0')
    .exitOverride()
    // Errors are printed in one place, main.ts, as text or as JSON.
    .configureOutput({ writeOut: (text) => runtime.surroundings.stdout.write(text), writeErr: (text) => runtime.surroundings.stderr.write(text), outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError();
  addGlobalOptions(program);
  addUp(program, runtime);
  addServer(program, runtime);
  addTools(program, runtime);
  addPrompts(program, runtime);
  addResources(program, runtime);
  addToolset(program, runtime);
  addCall(program, runtime);
  addKeys(program, runtime);
  addApprovals(program, runtime);
  addPolicy(program, runtime);
  addStops(program, runtime);
  addAudit(program, runtime);
  addFindings(program, runtime);
  addConnect(program, runtime);
  addStdio(program, runtime);
  addDoctor(program, runtime);
  addCompletion(program, runtime);
  program.addHelpText('after', () => `\nExit codes:\n${exitTable()}`);
  return program;
}

function exitTable(): string {
  return Object.values(exits)
    .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}\n`)
    .join('');
}
