import { describe, it, jest } from '@jest/globals';
import { testKafka } from '@customhouse/test-engines/kafka';
import { conformance } from './conformance.js';
import { kafkaOnly } from './kafka-only.js';
import { kafkaEngine } from './kafka.js';

jest.setTimeout(60_000);
const kafka = await testKafka();

if (kafka) {
  conformance('Kafka through kafkajs', kafkaEngine(kafka.brokers, 'kafkajs'));
  kafkaOnly(kafka.brokers, 'kafkajs');
} else describe.skip('the log on Kafka through kafkajs', () => it('needs Kafka', () => undefined));
