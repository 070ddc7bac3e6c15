import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Producer } from '@platformatic/kafka';
import { KafkaLog } from '@customhouse/event-log/kafka/kafka-log';
import type { KafkaOptions } from '@customhouse/event-log/kafka/options';
import { partitionKey } from '@customhouse/event-log/port';
import type { TopicDeclaration } from '@customhouse/event-log/topics';

/** What only Kafka can do to a reader. */
export function kafkaOnly(brokers: string, client: KafkaOptions['client']): void {
  describe(`the log on Kafka through ${client}, in particular`, () => {
    let log: KafkaLog;
    let number = 0;

    beforeAll(async () => {
      log = await KafkaLog.open({ brokers: [brokers], client });
    });
    afterAll(() => log.close());

    async function newTopic(cleanup: TopicDeclaration['cleanup']): Promise<string> {
      const topic = `kafka-only-${client}-${(number += 1)}-${randomUUID()}`;
      await log.createTopics([{ name: topic, partitions: 1, cleanup, retention_ms: null, max_record_bytes: 100_000 }]);
      return topic;
    }

    /** Somebody else's transaction: its end leaves a record that holds an offset and nothing for a reader. */
    async function transaction(topic: string, value: string, end: 'commit' | 'abort'): Promise<void> {
      const producer = new Producer({ clientId: 'stranger', bootstrapBrokers: [brokers], idempotent: true, transactionalId: randomUUID() });
      try {
        const open = await producer.beginTransaction();
        await open.send({ messages: [{ topic, partition: 0, key: Buffer.from(value), value: Buffer.from(value) }] });
        await open[end]();
      } finally {
        await producer.close();
      }
    }

    /** The mark is written some time after the transaction was acknowledged. */
    async function untilEnd(topic: string, end: number): Promise<void> {
      const deadline = performance.now() + 20_000;
      while ((await log.ends([topic])).get(partitionKey(topic, 0)) !== end) {
        if (performance.now() > deadline) throw new Error(`${topic} never ended at ${end}`);
        await sleep(50);
      }
    }

    it.each(['compact', 'delete'] as const)('passes the marks that transactions leave, also at the end (%s)', async (cleanup) => {
      const topic = await newTopic(cleanup);
      await transaction(topic, 'one', 'commit');
      await untilEnd(topic, 2);
      await log.append([{ topic, key: 'two', value: Buffer.from('two'), headers: {} }], { timeout_ms: 5000 });
      await transaction(topic, 'three', 'commit');
      await untilEnd(topic, 5);
      const { records, next } = await log.readState(topic, AbortSignal.timeout(20_000));
      expect(records.map(({ key }) => key)).toEqual(['one', 'two', 'three']);
      expect(next.get(partitionKey(topic, 0))).toBe(5);
      expect(await log.read({ topic, partition: 0, offset: 1 })).toBeUndefined();
      await log.append([{ topic, key: 'four', value: Buffer.from('four'), headers: {} }], { timeout_ms: 5000 });
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), 20_000);
      const offsets: number[] = [];
      for await (const batch of log.follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 1]]), signal: stop.signal })) {
        offsets.push(...batch.records.map(({ position }) => position.offset));
        if (offsets.includes(5)) break;
      }
      clearTimeout(timer);
      stop.abort();
      expect(offsets).toEqual([2, 3, 5]);
    });

    it('creates topics with every setting that the log depends on', async () => {
      const topic = await newTopic('delete');
      const declaration: TopicDeclaration = { name: topic, partitions: 1, cleanup: 'compact', retention_ms: 1000, max_record_bytes: 5 };
      expect(await log.createTopics([declaration])).toEqual([
        `topic ${topic}: cleanup.policy is delete, and compact was asked for`,
        `topic ${topic}: retention.ms is -1, and 1000 was asked for`,
        `topic ${topic}: max.message.bytes is 1148576, and 1048581 was asked for`,
        `topic ${topic}: min.cleanable.dirty.ratio is 0.5, and 0.1 was asked for`,
        `topic ${topic}: max.compaction.lag.ms is 9223372036854775807, and 86400000 was asked for`,
        `topic ${topic}: min.compaction.lag.ms is 0, and 60000 was asked for`,
      ]);
    });
  });
}
