import { visibleLine } from './visible.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null | undefined;
  /** Longer values end in `…`. Ids are never cut, because people copy them. */
  readonly max?: number;
}

/** Columns of text with their titles, for people. An absent value is `-`. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => columns.map((column) => cell(column, row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => width(line[index]!))));
  return cells
    .map(
      (line) =>
        line
          .map((text, index) => text + ' '.repeat(widths[index]! - width(text)))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}

/** `name  value`, one a line. */
export function pairs(entries: readonly (readonly [name: string, value: string | number | null | undefined])[]): string {
  const longest = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(longest)}  ${display(value)}\n`).join('');
}

function cell<Row>(column: Column<Row>, row: Row): string {
  const text = display(column.value(row));
  const characters = [...text];
  return column.max !== undefined && characters.length > column.max ? characters.slice(0, column.max - 1).join('') + '…' : text;
}

function display(value: string | number | null | undefined): string {
  return value === null || value === undefined || value === '' ? '-' : visibleLine(String(value));
}

function width(text: string): number {
  return [...text].length;
}
