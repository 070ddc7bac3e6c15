import { askForContainer } from './ask.js';

/**
 * The Kafka of this test run, which all suites share: use topics of your own. It is started in a container when it is first
 * asked for. Undefined, with a printed line, where no Docker engine answers; then skip the suite. Await it at the top level of
 * a test file, where no time-out runs:
 *
 *     const kafka = await testKafka();
 *     (kafka ? describe : describe.skip)('…', () => …);
 */
export function testKafka(): Promise<{ readonly brokers: string } | undefined> {
  return askForContainer<{ brokers: string }>('Kafka', 'kafka');
}
