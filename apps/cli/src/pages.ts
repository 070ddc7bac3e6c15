import { Option, type Command } from 'commander';
import { CliProblem } from './problem.js';
import type { Session } from './session.js';
import { table, type Column } from './table.js';

export interface PageOptions {
  readonly limit: string;
  readonly cursor?: string;
  readonly all?: true;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export function addPageOptions(command: Command): Command {
  return command
    .option('--limit <n>', 'at most so many, up to 500', '50')
    .option('--cursor <text>', 'go on where a page before ended: its "next"')
    .addOption(new Option('--all', 'everything, page after page').conflicts('cursor'));
}

/** One page, or all of them. */
export async function readPages<Item>(options: PageOptions, read: (query: { limit: number; cursor?: string }) => Promise<Page<Item>>): Promise<Page<Item>> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) throw new CliProblem('usage', `--limit is "${options.limit}": it must be a whole number from 1 to 500`);
  if (!options.all) return read({ limit, ...(options.cursor !== undefined && { cursor: options.cursor }) });
  const items: Item[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await read({ limit: 500, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    if (page.next === null) return { items, next: null };
    cursor = page.next;
  }
}

/** A page as a table, with what to type for the next one. */
export function showPage<Item>(session: Session, page: Page<Item>, columns: readonly Column<Item>[], empty: string): void {
  session.terminal.result(page, () => (page.items.length === 0 ? `${empty}\n` : table(page.items, columns)));
  if (page.next !== null && !session.terminal.json) session.terminal.note(`There is more: --cursor ${page.next} (or --all)`);
}
