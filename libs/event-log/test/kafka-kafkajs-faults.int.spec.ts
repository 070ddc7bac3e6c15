import { describe, it, jest } from '@jest/globals';
import { faults } from './faults.js';
import { faultyKafka } from './kafka.js';

jest.setTimeout(240_000);
const faulty = await faultyKafka('kafkajs');

if (faulty) faults('Kafka through kafkajs', () => Promise.resolve(faulty));
else describe.skip('the log on Kafka through kafkajs, failing', () => it('needs a Kafka of its own', () => undefined));
