import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { eventStoreMigrations, migrate } from '../src/migrations.js';

const { url } = await testPostgres();

function folderOf(files: Record<string, string>): URL {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-migrations-'));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql);
  return pathToFileURL(`${folder}/`);
}

const first = 'create table things (id int);';
const second = 'alter table things add column name text;';

async function columnsOf(schema: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ column_name: string }>(
      `select column_name from information_schema.columns where table_schema = $1 and table_name = 'things' order by ordinal_position`,
      [schema],
    );
    return rows.map((row) => row.column_name);
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  it('run once each, in order, in the schema of the service', async () => {
    const applied: string[] = [];
    const run = (files: Record<string, string>) =>
      migrate({ url, schema: 'ordered', sets: [{ name: 'ordered', folder: folderOf(files) }], onApplied: (name) => applied.push(name) });
    await run({ '0001-things.sql': first });
    await run({ '0001-things.sql': first, '0002-names.sql': second });
    await run({ '0001-things.sql': first, '0002-names.sql': second });
    expect(applied).toEqual(['ordered/0001-things.sql', 'ordered/0002-names.sql']);
    expect(await columnsOf('ordered')).toEqual(['id', 'name']);
  });

  it('of processes that start together run once', async () => {
    const sets = [eventStoreMigrations, { name: 'together', folder: folderOf({ '0001-things.sql': first, '0002-names.sql': second }) }];
    await Promise.all(Array.from({ length: 5 }, () => migrate({ url, schema: 'together', sets })));
    expect(await columnsOf('together')).toEqual(['id', 'name']);
  });

  it('that were changed after they ran are refused', async () => {
    await migrate({ url, schema: 'changed', sets: [{ name: 'changed', folder: folderOf({ '0001-things.sql': first }) }] });
    await expect(migrate({ url, schema: 'changed', sets: [{ name: 'changed', folder: folderOf({ '0001-things.sql': `${first} -- harmless` }) }] })).rejects.toThrow(
      'was changed after it ran',
    );
  });

  it('of a newer version in the database are refused', async () => {
    await migrate({ url, schema: 'newer', sets: [{ name: 'newer', folder: folderOf({ '0001-things.sql': first, '0002-names.sql': second }) }] });
    await expect(migrate({ url, schema: 'newer', sets: [{ name: 'newer', folder: folderOf({ '0001-things.sql': first }) }] })).rejects.toThrow('was used by a newer version');
  });

  it('that fail leave nothing behind and name the file', async () => {
    const broken = folderOf({ '0001-things.sql': `${first} select nonsense;` });
    await expect(migrate({ url, schema: 'broken', sets: [{ name: 'broken', folder: broken }] })).rejects.toThrow(/0001-things\.sql of the schema broken failed: .*nonsense/);
    expect(await columnsOf('broken')).toEqual([]);
  });

  it('with a gap in their numbers are refused', async () => {
    await expect(migrate({ url, schema: 'gap', sets: [{ name: 'gap', folder: folderOf({ '0001-things.sql': first, '0003-names.sql': second }) }] })).rejects.toThrow(
      'should have 0002-name.sql where it has 0003-names.sql',
    );
  });

  it('are refused a schema name that is none', async () => {
    await expect(migrate({ url, schema: 'a; drop schema public', sets: [] })).rejects.toThrow('cannot be the name of a schema');
  });

  it('say that a database does not answer', async () => {
    await expect(migrate({ url: 'postgres://nobody:secret@127.0.0.1:1/none', schema: 'away', sets: [] })).rejects.toThrow('ECONNREFUSED');
  });
});
