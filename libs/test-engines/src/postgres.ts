import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { ask } from './ask.js';

/**
 * A new, empty database on the PostgreSQL of this test run, which is started when it is first asked for: in a container where
 * a Docker engine answers, from npm where none does. Await it at the top level of a test file, where no time-out runs.
 */
export async function testPostgres(): Promise<{ readonly url: string }> {
  const { url } = await ask<{ url: string }>('postgres');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href };
}
