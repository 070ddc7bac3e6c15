import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../deadline.js';
import type { KnownTopic } from '../topic-table.js';
import type { TopicDeclaration } from '../topics.js';
import type { KafkaDriver, TopicDescription } from './driver.js';

/** A record batch has at least this much around its values: keys, headers, and many records in one batch. */
const batchOverhead = 1024 * 1024;
const forEver = '-1';

/** The settings of a topic by Kafka's names. They are all explicit, so that a broker's defaults cannot weaken the log. */
export function settingsOf(topic: TopicDeclaration, replicas: number): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': topic.cleanup,
    'retention.ms': topic.retention_ms === null ? forEver : String(topic.retention_ms),
    'retention.bytes': forEver,
    'max.message.bytes': String(topic.max_record_bytes + batchOverhead),
    'min.insync.replicas': String(replicas >= 3 ? 2 : 1),
    'unclean.leader.election.enable': 'false',
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'producer',
    ...(topic.cleanup === 'compact' ? { 'min.cleanable.dirty.ratio': '0.1', 'max.compaction.lag.ms': '86400000', 'min.compaction.lag.ms': '60000' } : {}),
  };
}

/** Creates what is missing, waits for leaders, and says how the rest differs. Throws when it cannot. */
export async function createTopics(
  driver: KafkaDriver,
  topics: readonly TopicDeclaration[],
  replication: number | undefined,
  timeout_ms = 30_000,
): Promise<{ readonly differences: readonly string[]; readonly described: ReadonlyMap<string, TopicDescription> }> {
  const names = topics.map((topic) => topic.name);
  const before = await driver.describe({ names });
  const missing = topics.filter((topic) => !before.has(topic.name));
  const replicas = replication ?? Math.min(3, await driver.brokerCount());
  if (missing.length > 0) {
    await driver.create(missing.map((topic) => ({ name: topic.name, partitions: topic.partitions, replicas, settings: settingsOf(topic, replicas) })));
  }
  const described = await untilReady(driver, names, timeout_ms);
  const differences = topics.filter((topic) => before.has(topic.name)).flatMap((topic) => differencesOf(topic, described.get(topic.name)!));
  return { differences, described };
}

/** "Created" is the controller's word: the brokers hear of it a little later, and become leaders a little later still. */
async function untilReady(driver: KafkaDriver, names: readonly string[], timeout_ms: number): Promise<ReadonlyMap<string, TopicDescription>> {
  const deadline = performance.now() + timeout_ms;
  for (;;) {
    const described = await driver.describe({ names });
    const missing = names.filter((name) => !described.has(name));
    const problem = missing.length > 0 ? `no leaders for ${missing.join(', ')}` : await failureOf(driver.ranges(names));
    if (problem === undefined) return described;
    if (performance.now() > deadline) throw new Error(`the topics cannot be used ${timeout_ms} ms after they were created: ${problem}`);
    await sleep(100);
  }
}

async function failureOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
}

function differencesOf(topic: TopicDeclaration, found: TopicDescription): string[] {
  const differences = topic.partitions === found.partitions ? [] : [`topic ${topic.name}: partitions is ${found.partitions}, and ${topic.partitions} was asked for`];
  for (const [name, wanted] of Object.entries(settingsOf(topic, found.replicas))) {
    const value = found.settings.get(name);
    if (value !== wanted) differences.push(`topic ${topic.name}: ${name} is ${value ?? 'not set'}, and ${wanted} was asked for`);
  }
  return differences;
}

/** What the broker says, not what was declared: the broker decides what it takes. */
export function knownTopic(description: TopicDescription): KnownTopic {
  const limit = Number(description.settings.get('max.message.bytes') ?? batchOverhead);
  return {
    partitions: description.partitions,
    cleanup: description.settings.get('cleanup.policy')?.includes('compact') ? 'compact' : 'delete',
    max_record_bytes: limit > 2 * batchOverhead ? limit - batchOverhead : Math.floor(limit * 0.9),
  };
}
