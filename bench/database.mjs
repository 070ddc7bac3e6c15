// PostgreSQL for the benchmark, in the folder given; prints its URL. Ends with SIGTERM.
import { startLocalPostgres } from '@customhouse/local-postgres/local-postgres';

const database = await startLocalPostgres({ dataDir: process.argv[2], port: 0 });
console.log(database.url);
process.once('SIGTERM', () => void database.stop().then(() => process.exit(0)));
