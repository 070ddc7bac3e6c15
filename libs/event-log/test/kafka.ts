import { Admin } from '@platformatic/kafka';
import type { KafkaOptions } from '@customhouse/event-log/kafka/options';
import { KafkaLog } from '@customhouse/event-log/kafka/kafka-log';
import type { Engine } from './conformance.js';

/** A Kafka broker as an engine under test, through one of the drivers. */
export function kafkaEngine(brokers: string, client: KafkaOptions['client']): Engine {
  return {
    open: () => KafkaLog.open({ brokers: [brokers], client }),
    expire: async (_, name, partition, before) => {
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [brokers] });
      try {
        await admin.deleteRecords({ topics: [{ name, partitions: [{ partition, offset: BigInt(before) }] }] });
      } finally {
        await admin.close();
      }
    },
    patience_ms: 15_000,
  };
}
