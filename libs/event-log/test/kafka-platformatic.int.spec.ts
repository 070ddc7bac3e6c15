import { describe, it, jest } from '@jest/globals';
import { testKafka } from '@customhouse/test-engines/kafka';
import { conformance } from './conformance.js';
import { kafkaOnly } from './kafka-only.js';
import { kafkaEngine } from './kafka.js';

jest.setTimeout(60_000);
const kafka = await testKafka();

if (kafka) {
  conformance('Kafka through platformatic', kafkaEngine(kafka.brokers, 'platformatic'));
  kafkaOnly(kafka.brokers, 'platformatic');
} else describe.skip('the log on Kafka through platformatic', () => it('needs Kafka', () => undefined));
