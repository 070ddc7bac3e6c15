import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { buildProgram } from './program.js';
import { commandLineReference } from './reference.js';
import { Runtime } from './runtime.js';

const { stdout, stderr } = process;
const program = buildProgram(new Runtime({ environment: {}, folder: '/', home: '/', platform: 'linux', stdout, stderr, readStdin: () => '' }));

/** Every command that does something, by its whole name. */
function leaves(command: Command, name: string): [string, Command][] {
  const children = command.commands.filter((child) => child.name() !== 'help');
  return children.length === 0 ? [[name, command]] : children.flatMap((child) => leaves(child, `${name} ${child.name()}`));
}

describe('the reference of the command line', () => {
  const page = commandLineReference();

  it.each(leaves(program, 'customhouse'))('has %s with its arguments and options', (name, command) => {
    const start = page.search(new RegExp(`^#{2,4} ${name}$`, 'm'));
    expect(start).toBeGreaterThan(0);
    const section = page.slice(start).split(/\n#{2,4} /)[0]!;
    expect(command.description()).not.toBe('');
    for (const { long } of command.options) expect(section).toContain(long!);
    for (const argument of command.registeredArguments) expect(section).toContain(`\`${argument.name()}\``);
  });

  it('is the same wherever it is made', () => {
    expect(page).not.toContain(process.env['HOME'] === '/' ? '\0' : process.env['HOME']!);
    expect(commandLineReference()).toBe(page);
  });

  it('explains every exit code', () => {
    for (const code of [0, 1, 2, 3, 4, 5, 6, 130]) expect(page).toMatch(new RegExp(`^\\| ${code} \\| \\w+ \\| .+ \\|$`, 'm'));
  });
});
