import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** A folder of `0001-name.sql`, `0002-name.sql` …: each runs once, in order, in its own transaction. */
export interface MigrationSet {
  /** Tells sets in one schema apart: `event-store`, `audit`. */
  readonly name: string;
  readonly folder: URL;
}

/** What event streams, the outbox and projections need. It goes before the service's own set. */
export const eventStoreMigrations: MigrationSet = { name: 'event-store', folder: new URL('../migrations/', import.meta.url) };

/** The migrations on disk and those in the database do not fit together. Nothing was changed. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

interface Migration {
  readonly number: number;
  readonly file: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Creates the schema and brings it up to date. Processes that start together wait for each other.
 * Throws MigrationRefused, and whatever the database says about a migration that fails (which is rolled back).
 */
export async function migrate(options: {
  readonly url: string;
  readonly schema: string;
  readonly sets: readonly MigrationSet[];
  readonly onApplied?: (name: string) => void;
}): Promise<void> {
  const { schema } = options;
  if (!/^[a-z][a-z_]*$/.test(schema)) throw new MigrationRefused(`${JSON.stringify(schema)} cannot be the name of a schema`);
  const sets = await Promise.all(options.sets.map(async (set) => ({ name: set.name, migrations: await read(set) })));
  const client = new pg.Client({ connectionString: options.url, connectionTimeoutMillis: 5_000, application_name: `customhouse migrations ${schema}` });
  // Without a listener a connection that breaks between two statements would end the process; the statement after it fails anyway.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`customhouse.migrations.${schema}`]);
    await client.query(`create schema if not exists ${schema}`);
    await client.query(`set search_path to ${schema}`);
    await client.query(
      'create table if not exists migrations (set_name text, number integer, file text not null, checksum text not null, applied_at timestamptz not null default now(), primary key (set_name, number))',
    );
    for (const set of sets) await applySet(client, schema, set.name, set.migrations, options.onApplied);
  } finally {
    await client.end();
  }
}

async function applySet(client: pg.Client, schema: string, name: string, migrations: readonly Migration[], onApplied?: (name: string) => void): Promise<void> {
  const { rows } = await client.query<{ number: number; file: string; checksum: string }>('select number, file, checksum from migrations where set_name = $1 order by number', [
    name,
  ]);
  for (const done of rows) {
    const known = migrations[done.number - 1];
    if (!known)
      throw new MigrationRefused(`the schema ${schema} has migration ${done.file}, which this version does not know: the database was used by a newer version; start that one`);
    if (known.checksum !== done.checksum)
      throw new MigrationRefused(`migration ${known.file} of the schema ${schema} was changed after it ran; restore the file and add a new migration`);
  }
  for (const migration of migrations.slice(rows.length)) {
    try {
      await client.query('begin');
      await client.query(migration.sql);
      await client.query('insert into migrations (set_name, number, file, checksum) values ($1, $2, $3, $4)', [name, migration.number, migration.file, migration.checksum]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw new Error(`migration ${migration.file} of the schema ${schema} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    onApplied?.(`${schema}/${migration.file}`);
  }
}

async function read(set: MigrationSet): Promise<Migration[]> {
  const folder = fileURLToPath(set.folder);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const match = /^(\d{4})-[a-z0-9-]+\.sql$/.exec(file);
      if (!match || Number(match[1]) !== index + 1) throw new MigrationRefused(`${folder} should have ${String(index + 1).padStart(4, '0')}-name.sql where it has ${file}`);
      const sql = await readFile(new URL(file, set.folder), 'utf8');
      return { number: index + 1, file, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}
