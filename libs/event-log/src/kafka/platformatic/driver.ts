import { Admin, ConfigResourceTypes, type Consumer } from '@platformatic/kafka';
import { partitionKey, type AppendResult } from '../../port.js';
import type { Cursor, Delivery, KafkaDriver, NewTopic, PlacedRecord, ReadOptions, TopicDescription } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { clientOptions, cut } from './clients.js';
import { PlatformaticProducer } from './producer.js';
import { fetchingConsumer, fetchOn } from './reader.js';

const topicAlreadyExists = 36;
const earliest = -2n;
const latest = -1n;

/** The driver over `@platformatic/kafka`: the default. */
export class PlatformaticDriver implements KafkaDriver {
  private readonly producer: PlatformaticProducer;

  constructor(private readonly options: KafkaOptions) {
    this.producer = new PlatformaticProducer(options);
  }

  produce(batch: readonly PlacedRecord[], timeout_ms: number): Promise<readonly AppendResult[]> {
    return this.producer.produce(batch, timeout_ms);
  }

  read(cursors: readonly Cursor[], options: ReadOptions): AsyncGenerator<readonly Delivery[], void> {
    return fetchOn(this.options, cursors, options);
  }

  async ranges(topics: readonly string[]): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>> {
    if (topics.length === 0) return new Map();
    return this.withConsumer(async (consumer) => {
      const starts = await consumer.listOffsets({ topics: [...topics], timestamp: earliest });
      const ends = await consumer.listOffsets({ topics: [...topics], timestamp: latest });
      return new Map(
        topics.flatMap((topic) =>
          (ends.get(topic) ?? []).map((end, partition) => [partitionKey(topic, partition), { start: Number(starts.get(topic)?.[partition] ?? 0n), end: Number(end) }] as const),
        ),
      );
    });
  }

  async describe(which: { readonly names: readonly string[] } | { readonly prefix: string }): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.withAdmin(async (admin) => {
      const existing = await admin.listTopics();
      const names = existing.filter((name) => ('names' in which ? which.names.includes(name) : name.startsWith(which.prefix)));
      if (names.length === 0) return new Map();
      const { topics } = await admin.metadata({ topics: names, forceUpdate: true });
      const settings = await admin.describeConfigs({ resources: names.map((resourceName) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName })) });
      const described = new Map<string, TopicDescription>();
      for (const { resourceName, configs } of settings) {
        const partitions = topics.get(resourceName)?.partitions ?? [];
        if (partitions.length === 0 || partitions.some((partition) => partition.leader < 0)) continue;
        described.set(resourceName, {
          partitions: partitions.length,
          replicas: partitions[0]!.replicas.length,
          settings: new Map(configs.map(({ name, value }) => [name, value ?? ''])),
        });
      }
      return described;
    });
  }

  async create(topics: readonly NewTopic[]): Promise<void> {
    await this.withAdmin(async (admin) => {
      for (const { name, partitions, replicas, settings } of topics) {
        try {
          await admin.createTopics({ topics: [name], partitions, replicas, configs: Object.entries(settings).map(([setting, value]) => ({ name: setting, value })) });
        } catch (error) {
          if (!hasCode(error, topicAlreadyExists)) throw error;
        }
      }
    });
  }

  async brokerCount(): Promise<number> {
    return this.withAdmin(async (admin) => (await admin.metadata({ topics: [], forceUpdate: true })).brokers.size);
  }

  close(): Promise<void> {
    this.producer.close();
    return Promise.resolve();
  }

  private async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin(clientOptions(this.options));
    try {
      return await use(admin);
    } finally {
      cut(admin);
    }
  }

  private async withConsumer<T>(use: (consumer: Consumer) => Promise<T>): Promise<T> {
    const consumer = fetchingConsumer(this.options);
    try {
      return await use(consumer);
    } finally {
      cut(consumer);
    }
  }
}

function hasCode(error: unknown, code: number): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { apiCode, errors, cause } = error as { apiCode?: number; errors?: unknown[]; cause?: unknown };
  return apiCode === code || (Array.isArray(errors) && errors.some((inner) => hasCode(inner, code))) || hasCode(cause, code);
}
