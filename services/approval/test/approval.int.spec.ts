import { describe } from '@jest/globals';
import { ownKafka } from '@customhouse/test-engines/own-engine';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { approvals } from './approvals.js';

const { url } = await testPostgres();
// Of its own, because the service follows the topics of the system, and other suites write there too.
const kafka = await ownKafka();

describe('approvals on PostgreSQL', () => approvals({ postgres: url }));
(kafka ? describe : describe.skip)('approvals on Kafka', () => approvals({ postgres: url, logUrl: `kafka://${kafka?.brokers}` }));
