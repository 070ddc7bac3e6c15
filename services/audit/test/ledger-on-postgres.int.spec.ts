import { describe } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { ledger } from './ledger.js';

const [log, database] = await Promise.all([testPostgres(), testPostgres()]);

describe('the ledger of a log in PostgreSQL', () => ledger({ logUrl: log.url, databaseUrl: database.url }));
