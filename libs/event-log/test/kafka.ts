import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import type { KafkaOptions } from '@customhouse/event-log/kafka/options';
import { KafkaLog } from '@customhouse/event-log/kafka/kafka-log';
import { ownKafka } from '@customhouse/test-engines/own-engine';
import type { Engine } from './conformance.js';
import type { FaultyEngine } from './faults.js';
import { TcpProxy } from './tcp-proxy.js';

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

/** A broker of its own, behind a proxy on a second listener, through one of the drivers. Undefined where there is no engine for it. */
export async function faultyKafka(client: KafkaOptions['client']): Promise<FaultyEngine | undefined> {
  const proxy = await TcpProxy.start();
  const own = await ownKafka({ listeners: { PROXIED: 'PLAINTEXT' }, advertise: { PROXIED: proxy.address } });
  if (own === undefined) {
    await proxy.stop();
    return undefined;
  }
  proxy.aimAt(own.addresses['PROXIED']!);
  return {
    engine: own.engine,
    proxy,
    open: (way) => KafkaLog.open({ brokers: [way === 'direct' ? own.brokers : proxy.address], client }),
    narrow: async (topic) => {
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [own.brokers] });
      try {
        await admin.incrementalAlterConfigs({
          resources: [
            {
              resourceType: ConfigResourceTypes.TOPIC,
              resourceName: topic,
              configs: [{ name: 'max.message.bytes', value: '300', configOperation: IncrementalAlterConfigOperationTypes.SET }],
            },
          ],
        });
      } finally {
        await admin.close();
      }
    },
  };
}
