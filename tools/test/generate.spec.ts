import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { differences } from '../generate.mjs';

let base: string;
const files = new Map([
  ['contracts/published/jsonschema/call.admitted/v2.json', '{}\n'],
  ['docs/reference/events.md', '# Events\n'],
]);

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'customhouse-generated-'));
  for (const [path, text] of files) write(path, text);
});
afterAll(() => rmSync(base, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(base, path)), { recursive: true });
  writeFileSync(join(base, path), text);
}

describe('generated files', () => {
  it('that are as they should be make no difference', async () => {
    expect(await differences(files, base)).toEqual([]);
  });

  it('of an older version of an event are kept', async () => {
    write('contracts/published/jsonschema/call.admitted/v1.json', '{}\n');
    expect(await differences(files, base)).toEqual([]);
  });

  it('that are edited by hand, missing, or left over are each named', async () => {
    appendFileSync(join(base, 'docs/reference/events.md'), 'By hand.\n');
    write('docs/reference/old.md', 'Old.\n');
    write('contracts/published/jsonschema/call.admitted/v3.json', '{}\n');
    rmSync(join(base, 'contracts/published/jsonschema/call.admitted/v2.json'));
    expect((await differences(files, base)).sort()).toEqual([
      'contracts/published/jsonschema/call.admitted/v2.json is missing',
      'contracts/published/jsonschema/call.admitted/v3.json is no longer generated',
      'docs/reference/events.md is out of date',
      'docs/reference/old.md is no longer generated',
    ]);
  });
});
