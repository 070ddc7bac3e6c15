import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { testKafka } from '@customhouse/test-engines/kafka';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { connect } from 'node:net';

const [first, second] = await Promise.all([testPostgres(), testPostgres()]);
const kafka = await testKafka();

async function tablesOf(url: string, statement?: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    if (statement !== undefined) await client.query(statement);
    const { rows } = await client.query<{ count: number }>(`select count(*)::int as count from pg_tables where schemaname = 'public'`);
    return rows[0]!.count;
  } finally {
    await client.end();
  }
}

describe('the engines of a test run', () => {
  it('gives each suite an empty database that no other sees', async () => {
    expect(await tablesOf(first.url, 'create table mine (id int)')).toBe(1);
    expect(await tablesOf(second.url)).toBe(0);
  });

  it('gives all suites the same PostgreSQL server', () => {
    expect(new URL(first.url).host).toBe(new URL(second.url).host);
    expect(new URL(first.url).pathname).not.toBe(new URL(second.url).pathname);
  });

  (kafka ? it : it.skip)('gives a broker that accepts connections', async () => {
    const [host, port] = kafka!.brokers.split(':');
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), host, () => {
        socket.destroy();
        resolve();
      });
      socket.once('error', reject);
    });
    expect((await testKafka())!.brokers).toBe(kafka!.brokers);
  });
});
