import kafkajs, { type Admin } from 'kafkajs';
import { within } from '../../deadline.js';
import { partitionKey, type AppendResult } from '../../port.js';
import type { Cursor, Delivery, KafkaDriver, NewTopic, PlacedRecord, ReadOptions, TopicDescription } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { newClient } from './client.js';
import { KafkaJsProducer } from './producer.js';
import { consume } from './reader.js';
import { Sockets } from './sockets.js';

/** The driver over `kafkajs`: selectable. Its last release is of 2023. */
export class KafkaJsDriver implements KafkaDriver {
  private readonly producer: KafkaJsProducer;
  private readonly endings = new Set<Promise<unknown>>();

  constructor(private readonly options: KafkaOptions) {
    this.producer = new KafkaJsProducer(options, (ending) => this.wait(ending));
  }

  produce(batch: readonly PlacedRecord[], timeout_ms: number): Promise<readonly AppendResult[]> {
    return this.producer.produce(batch, timeout_ms);
  }

  read(cursors: readonly Cursor[], options: ReadOptions): AsyncGenerator<readonly Delivery[], void> {
    const topics = [...new Set(cursors.map((cursor) => cursor.topic))];
    return consume({ options: this.options, ranges: () => this.ranges(topics), onEnding: (ending) => this.wait(ending) }, cursors, options);
  }

  async ranges(topics: readonly string[]): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>> {
    return this.withAdmin(async (admin) => {
      const ranges = new Map<string, { start: number; end: number }>();
      for (const topic of topics) {
        for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) ranges.set(partitionKey(topic, partition), { start: Number(low), end: Number(high) });
      }
      return ranges;
    });
  }

  async describe(which: { readonly names: readonly string[] } | { readonly prefix: string }): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.withAdmin(async (admin) => {
      const names = (await admin.listTopics()).filter((name) => ('names' in which ? which.names.includes(name) : name.startsWith(which.prefix)));
      if (names.length === 0) return new Map();
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })) });
      const described = new Map<string, TopicDescription>();
      for (const { resourceName, configEntries } of resources) {
        const partitions = topics.find((topic) => topic.name === resourceName)?.partitions ?? [];
        if (partitions.length === 0 || partitions.some((partition) => partition.leader < 0)) continue;
        described.set(resourceName, {
          partitions: partitions.length,
          replicas: partitions[0]!.replicas.length,
          settings: new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
        });
      }
      return described;
    });
  }

  async create(topics: readonly NewTopic[]): Promise<void> {
    await this.withAdmin(async (admin) => {
      for (const { name, partitions, replicas, settings } of topics) {
        // Its own waiting for leaders races with KRaft; the adapter polls instead.
        await admin.createTopics({
          waitForLeaders: false,
          topics: [
            { topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries: Object.entries(settings).map(([setting, value]) => ({ name: setting, value })) },
          ],
        });
      }
    });
  }

  async brokerCount(): Promise<number> {
    return this.withAdmin(async (admin) => (await admin.describeCluster()).brokers.length);
  }

  /** The library ends a client in its own time. Waits for that, within reason. */
  async close(): Promise<void> {
    this.producer.close();
    await within(5000, Promise.all(this.endings)).catch(() => undefined);
  }

  private wait(ending: Promise<unknown>): void {
    this.endings.add(ending);
    void ending.finally(() => this.endings.delete(ending));
  }

  private async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const sockets = new Sockets();
    const admin = newClient(this.options, sockets).admin();
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      sockets.cut();
      // Its sockets are gone, so there is nothing that this could fail at and that would matter.
      this.wait(admin.disconnect().catch(() => undefined));
    }
  }
}
