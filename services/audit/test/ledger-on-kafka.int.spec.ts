import { afterAll, describe, jest } from '@jest/globals';
import { ownKafka } from '@customhouse/test-engines/own-engine';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { ledger } from './ledger.js';

jest.setTimeout(30_000);

// The topics have the names that they always have, so the broker is not shared with other suites.
const kafka = await ownKafka();
const database = await testPostgres();

(kafka ? describe : describe.skip)('the ledger of a log in Kafka', () => {
  afterAll(async () => {
    await kafka?.engine.remove();
  });
  ledger({ logUrl: `kafka://${kafka?.brokers}`, databaseUrl: database.url });
});
