import { describe } from '@jest/globals';
import { approvals } from './approvals.js';

describe('approvals on PostgreSQL', () => approvals(() => ({ postgres: process.env['CUSTOMHOUSE_TEST_POSTGRES_URL']! })));
