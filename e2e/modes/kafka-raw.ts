import { Kafka, logLevel } from 'kafkajs';
import type { RawRecord } from './gateway.js';

/** Every record of every topic of the gateway, up to the ends it has now. Reads with the driver that does not write by default. */
export async function readKafkaRaw(brokers: string[]): Promise<RawRecord[]> {
  const kafka = new Kafka({ clientId: 'e2e-raw', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const consumer = kafka.consumer({ groupId: `e2e-raw-${process.pid}-${Math.random().toString(36).slice(2)}` });
  const records: RawRecord[] = [];
  await admin.connect();
  await consumer.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('customhouse.'));
    const waiting = new Map<string, number>();
    for (const topic of topics) {
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        if (Number(high) > Number(low)) waiting.set(`${topic}:${partition}`, Number(high));
      }
    }
    if (waiting.size === 0) return records;
    await consumer.subscribe({ topics, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the raw read did not reach the end of ${[...waiting.keys()].join(', ')}`)), 60_000);
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            for (const { offset, key, value } of batch.messages) {
              records.push({ topic: batch.topic, partition: batch.partition, offset: Number(offset), key: key?.toString() ?? '', value: value?.toString() ?? null });
            }
            const name = `${batch.topic}:${batch.partition}`;
            // The position, not the count: control records and compaction leave holes.
            if (Number(batch.lastOffset()) + 1 >= (waiting.get(name) ?? 0)) waiting.delete(name);
            if (waiting.size === 0) {
              clearTimeout(timer);
              resolve();
            }
          },
        })
        .catch(reject);
    });
    return records;
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}
