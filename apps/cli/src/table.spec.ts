import { describe, expect, it } from '@jest/globals';
import { pairs, table } from './table.js';

interface Row {
  name: string;
  note: string | null;
}
const columns = [
  { title: 'NAME', value: (row: Row) => row.name },
  { title: 'NOTE', value: (row: Row) => row.note, max: 6 },
];

describe('a table', () => {
  it('lines its columns up and leaves no blanks at the end of a line', () => {
    expect(
      table(
        [
          { name: 'everything', note: 'ok' },
          { name: 'fs', note: null },
        ],
        columns,
      ),
    ).toBe('NAME        NOTE\neverything  ok\nfs          -\n');
  });

  it('cuts what is longer than the column allows, by characters and not by bytes', () => {
    expect(table([{ name: 'a', note: '🙂🙂🙂🙂🙂🙂🙂' }], columns)).toBe('NAME  NOTE\na     🙂🙂🙂🙂🙂…\n');
  });

  it('keeps a row on one line whatever is in it', () => {
    expect(table([{ name: 'a\nb', note: '\u001b' }], columns)).toBe('NAME  NOTE\na\\nb  \\u{1b}\n');
  });

  it('has only its titles when there are no rows', () => {
    expect(table([], columns)).toBe('NAME  NOTE\n');
  });
});

describe('pairs', () => {
  it('line up, and say when there is nothing', () => {
    expect(
      pairs([
        ['call', '01J'],
        ['person', undefined],
        ['count', 0],
      ]),
    ).toBe('call    01J\nperson  -\ncount   0\n');
  });
});
