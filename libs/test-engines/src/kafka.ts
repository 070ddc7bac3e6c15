import { ask, skipped } from './ask.js';

/**
 * The Kafka of this test run, which all suites share: use topics of your own. It is started in a container when it is first
 * asked for. Undefined, with a printed line, where no Docker engine answers; then skip the suite. Await it at the top level of
 * a test file, where no time-out runs:
 *
 *     const kafka = await testKafka();
 *     (kafka ? describe : describe.skip)('…', () => …);
 */
export async function testKafka(): Promise<{ readonly brokers: string } | undefined> {
  let answer: { readonly brokers: string; readonly missing?: string };
  try {
    answer = await ask<{ brokers: string }>('kafka');
  } catch (error) {
    if (process.env['CI']) throw error;
    return skipped('Kafka', error instanceof Error ? error.message : String(error));
  }
  return answer.missing === undefined ? { brokers: answer.brokers } : skipped('Kafka', answer.missing);
}
