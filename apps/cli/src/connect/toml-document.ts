import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'smol-toml';
import { CliProblem } from '../problem.js';

type Table = Record<string, unknown>;

/**
 * Sets the table `[outer.inner]`, or with `undefined` removes it. The lines of everything else stay as they are. The result is
 * read back and must say exactly what was asked for: a file that is written in a way that this does not understand is left alone.
 */
export function editToml(text: string, outer: string, inner: string, value: Table | undefined): string {
  const before = parseToml(text);
  const wanted = changed(before, outer, inner, value);
  if (same(before, wanted)) return text;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const after = replaceTable(text.split(/\r?\n/), [outer, inner], value === undefined ? [] : tableLines(outer, inner, value)).join(eol);
  if (!same(tryParse(after), wanted)) throw new CliProblem('failed', `it holds ${outer}.${inner} in a form that cannot be changed safely`);
  return after;
}

export function readToml(text: string, outer: string, inner: string): unknown {
  return (parseToml(text)[outer] as Table | undefined)?.[inner];
}

function parseToml(text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    throw new CliProblem('failed', `it is not valid TOML: ${(error as Error).message.split('\n')[0]}`);
  }
}

function tryParse(text: string): Table | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function changed(document: Table, outer: string, inner: string, value: Table | undefined): Table {
  const { [inner]: _, ...others } = (document[outer] ?? {}) as Table;
  return { ...document, [outer]: value === undefined ? others : { ...others, [inner]: value } };
}

/** An empty table and none are the same to a reader of the configuration. */
function same(left: Table | undefined, right: Table): boolean {
  const filled = (document: Table) =>
    Object.fromEntries(Object.entries(document).filter(([, member]) => !isDeepStrictEqual({ ...(member as object) }, {}) || typeof member !== 'object'));
  return left !== undefined && isDeepStrictEqual(plain(filled(left)), plain(filled(right)));
}

/** Without prototypes and in one order, so that two documents compare by what they say. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, plain(member)]),
  );
}

function tableLines(outer: string, inner: string, value: Table): string[] {
  return stringify({ [outer]: { [inner]: value } })
    .split('\n')
    .filter((line) => line !== '' && line !== `[${outer}]`);
}

function replaceTable(lines: readonly string[], path: readonly string[], table: readonly string[]): string[] {
  const start = lines.findIndex((line) => opens(line, path));
  if (start < 0) {
    const kept = lines.slice(0, lines.findLastIndex((line) => line.trim() !== '') + 1);
    return [...kept, ...(kept.length > 0 ? [''] : []), ...table, ''];
  }
  const next = lines.findIndex((line, index) => index > start && headerOf(line) !== undefined && !opens(line, path));
  let end = next < 0 ? lines.length : next;
  // Comments and blank lines just above the next table belong to it.
  while (end > start + 1 && /^\s*(?:#.*)?$/.test(lines[end - 1]!)) end -= 1;
  const rest = lines.slice(end);
  while (table.length === 0 && rest[0]?.trim() === '') rest.shift();
  return [...lines.slice(0, start), ...table, ...(table.length === 0 && rest.length === 0 ? [''] : rest)];
}

function opens(line: string, path: readonly string[]): boolean {
  const header = headerOf(line);
  return header !== undefined && path.every((name, index) => header[index] === name);
}

/** The names in `[a."b".c]`, or undefined for a line that opens no table. */
function headerOf(line: string): readonly string[] | undefined {
  const match = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$/.exec(line);
  return match ? [...match[1]!.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map((part) => part[1] ?? part[2] ?? part[3]!) : undefined;
}
