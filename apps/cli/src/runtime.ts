import type { Command } from 'commander';
import type { GlobalOptions } from './options.js';
import type { Exit } from './problem.js';
import { Session } from './session.js';
import type { Surroundings } from './terminal.js';

/** What a command does. It answers how the process ends; nothing means that it worked. */
export type Handler<Arguments extends unknown[], Options> = (session: Session, options: Options & GlobalOptions, ...args: Arguments) => Promise<Exit | void>;

export interface Example {
  readonly command: string;
  readonly what: string;
}

/** Ties commands to the process that they run in. */
export class Runtime {
  exit: Exit = 'ok';
  private readonly interrupted = new AbortController();

  constructor(readonly surroundings: Surroundings) {}

  /** Ends what a command waits for. */
  interrupt(): void {
    this.interrupted.abort();
  }

  /** An action for commander: its last two parameters are the options and the command. */
  action<Arguments extends unknown[], Options = object>(handler: Handler<Arguments, Options>): (...parameters: unknown[]) => Promise<void> {
    return async (...parameters) => {
      const command = parameters.at(-1) as Command;
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const session = new Session(this.surroundings, options, this.interrupted.signal);
      this.exit = (await handler(session, options, ...(parameters.slice(0, -2) as Arguments))) ?? 'ok';
    };
  }
}

const examples = new WeakMap<Command, readonly Example[]>();

/** Examples, for the help and for the reference page. */
export function withExamples(command: Command, ...list: readonly Example[]): Command {
  examples.set(command, list);
  return command.addHelpText('after', () => `\nExamples:\n${list.map(({ command: line, what }) => `  # ${what}\n  ${line}`).join('\n')}\n`);
}

export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}
