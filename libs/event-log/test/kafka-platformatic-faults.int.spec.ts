import { describe, it, jest } from '@jest/globals';
import { faults } from './faults.js';
import { faultyKafka } from './kafka.js';

jest.setTimeout(240_000);
const faulty = await faultyKafka('platformatic');

if (faulty) faults('Kafka through platformatic', () => Promise.resolve(faulty));
else describe.skip('the log on Kafka through platformatic, failing', () => it('needs a Kafka of its own', () => undefined));
