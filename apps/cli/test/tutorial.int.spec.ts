import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { customhouse, root } from './gateway.js';
import { runningGateway } from './running-gateway.js';

const page = readFileSync(join(root, 'docs/tutorial/first-call.md'), 'utf8');
const { gateway, folder: home } = runningGateway();

/** The page's commands, each block with what it is said to print. */
function steps(): { commands: string[]; output: string }[] {
  return [...page.matchAll(/```sh\n([^]*?)```\n\n```text\n([^]*?)```/g)].map((match) => ({ commands: match[1]!.trim().split('\n'), output: match[2]! }));
}

/** Splits a line as a shell would, as far as the page needs it. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

/** Text in which `…` stands for anything, lines included, and runs of blanks for each other. */
function expected(output: string): RegExp {
  const parts = output.trim().split('…');
  const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/ {2,}/g, ' +');
  return new RegExp(`^${parts.map(literal).join('[^]*?')}\\s*$`);
}

/** Runs a line of the page and answers what it printed. */
async function perform(line: string, approval: string): Promise<string> {
  const [command, comment = ''] = line.split('   # ');
  const [npx, name, ...args] = words(command!);
  expect([npx, name]).toEqual(['npx', 'customhouse']);
  const environment = { CUSTOMHOUSE_DATA_DIR: gateway.data, HOME: home };
  const ran = await customhouse(
    args.map((arg) => (arg === 'APPROVAL' ? approval : arg)),
    { environment },
  );
  expect(`${line}: ${ran.code}\n${ran.code === 0 ? '' : ran.stderr}`).toMatch(new RegExp(`: ${/exit code (\d)/.exec(comment)?.[1] ?? '0'}\n`));
  return ran.stdout;
}

describe('the tutorial', () => {
  it('has steps', () => {
    expect(steps().length).toBeGreaterThanOrEqual(9);
  });

  it('prints, step by step, what it says', async () => {
    for (const { commands, output } of steps()) {
      const wanted = expected(output);
      let printed = '';
      // The approval service and the audit follow the log, and know a thing a moment after it happened.
      for (const deadline = performance.now() + 15_000; ;) {
        const open = await gateway.json<{ items: { approval: string }[] }>('approvals', 'list');
        printed = '';
        if (!commands.join().includes('APPROVAL') || open.items.length > 0) for (const command of commands) printed += await perform(command, open.items[0]?.approval ?? '');
        // Only what reads may be done again.
        if (wanted.test(printed) || performance.now() > deadline || !/ (?:list|search) /.test(commands.join() + ' ')) break;
      }
      expect(printed).toMatch(wanted);
    }
  }, 120_000);
});
