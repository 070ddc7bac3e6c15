// PostgreSQL for the benchmark, in the folder given, with a database for each of the names given: prints their URLs as one JSON
// line. Ends with SIGTERM.
import pg from 'pg';
import { startLocalPostgres } from '@customhouse/local-postgres/local-postgres';

const [dataDir, ...names] = process.argv.slice(2);
const database = await startLocalPostgres({ dataDir, port: 0 });
const client = new pg.Client({ connectionString: database.url });
await client.connect();
const urls = {};
for (const name of names) {
  await client.query(`create database ${client.escapeIdentifier(name)}`);
  const url = new URL(database.url);
  url.pathname = `/${name}`;
  urls[name] = url.href;
}
await client.end();
console.log(JSON.stringify(urls));
process.once('SIGTERM', () => void database.stop().then(() => process.exit(0)));
