import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { Command, Option } from 'commander';
import { completionScript, shells } from './scripts.js';
import { treeOf } from './tree.js';

function program(): Command {
  const root = new Command('customhouse').option('--json', 'as JSON').option('--key-file <path>', "the agent's key");
  const approvals = root.command('approvals').description('decide: calls that wait');
  approvals
    .command('list')
    .summary('list requests')
    .addOption(new Option('--status <status>', 'in which state').choices(['open', 'all']));
  approvals.command('show').argument('<approval>');
  root.command('audit').command('list').option('--since <time>', 'from when');
  return root;
}

/** What bash would offer for a line that ends where the cursor is. */
function bashOffers(...words: string[]): string[] {
  const script = `${completionScript('bash', treeOf(program()))}
COMP_WORDS=(customhouse ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _customhouse; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8', cwd: new URL('.', import.meta.url).pathname });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  it('offers commands and the options of all commands', () => {
    expect(bashOffers('')).toEqual(['approvals', 'audit', '--json', '--key-file']);
  });

  it('offers the subcommands of the command that was typed', () => {
    expect(bashOffers('approvals', '')).toEqual(['list', 'show', '--json', '--key-file']);
  });

  it('knows two commands of one name apart', () => {
    expect(bashOffers('approvals', 'list', '--s')).toEqual(['--status']);
    expect(bashOffers('audit', 'list', '--s')).toEqual(['--since']);
  });

  it('finds the command behind options', () => {
    expect(bashOffers('--json', 'approvals', 'l')).toEqual(['list']);
  });

  it('offers the values of an option', () => {
    expect(bashOffers('approvals', 'list', '--status', '')).toEqual(['open', 'all']);
    expect(bashOffers('approvals', 'list', '--key-file', 'tre')).toEqual(['tree.ts']);
  });
});

describe('a completion script', () => {
  for (const shell of shells) {
    const installed = spawnSync(shell, ['-c', 'true']).error === undefined;
    (installed ? it : it.skip)(`is accepted by ${shell} where it is installed`, () => {
      const { stderr, status } = spawnSync(shell, ['-n'], { input: completionScript(shell, treeOf(program())), encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
    });
  }

  it('for zsh describes what it offers, colons and quotes included', () => {
    const script = completionScript('zsh', treeOf(program()));
    expect(script).toContain(String.raw`'approvals:decide\: calls that wait'`);
    expect(script).toContain(String.raw`'--key-file:the agent'\''s key'`);
  });

  it('for fish asks for files where files are wanted', () => {
    const script = completionScript('fish', treeOf(program()));
    expect(script).toContain(`complete -c customhouse -n '__customhouse_at " approvals list"' -l key-file -r -F -d`);
    expect(script).toContain(`complete -c customhouse -n '__customhouse_at " approvals list"' -l status -x -a 'open all' -d 'in which state'`);
  });
});
