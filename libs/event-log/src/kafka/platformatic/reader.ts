import { Consumer, FetchIsolationLevels, type ClusterMetadata } from '@platformatic/kafka';
import type { StoredRecord } from '../../port.js';
import { OffsetOutOfRange, type Cursor, type Delivery, type ReadOptions } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { clientOptions, cut } from './clients.js';

type FetchAnswer = Awaited<ReturnType<Consumer['fetch']>>;
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number];
type Batch = NonNullable<PartitionAnswer['records']>[number];

const controlBatch = 0x20;
const stampedByBroker = 0x08;
const offsetOutOfRange = 1;
/** What one partition gives at most in one answer; a larger first record is given all the same. */
const partitionBytes = 2 * 1024 * 1024;

/** A client that only fetches: it joins no group, and never commits. */
export function fetchingConsumer(options: KafkaOptions): Consumer {
  return new Consumer({ ...clientOptions(options), groupId: 'customhouse-unused', autocommit: false, isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED });
}

/** Reads with one long poll for each leader, so that a quiet broker does not delay a busy one. */
export async function* fetchOn(options: KafkaOptions, cursors: readonly Cursor[], { signal, wait_ms }: ReadOptions): AsyncGenerator<readonly Delivery[], void> {
  const consumer = fetchingConsumer(options);
  const polls = new Map<number, Promise<{ readonly node: number; readonly deliveries: readonly Delivery[] } | { readonly node: number; readonly error: unknown }>>();
  const stop = (): void => cut(consumer);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const topics = [...new Set(cursors.map((cursor) => cursor.topic))];
    while (!signal.aborted) {
      const metadata = await consumer.metadata({ topics });
      for (const [node, led] of byLeader(metadata, cursors)) {
        if (polls.has(node)) continue;
        polls.set(
          node,
          fetchFrom(consumer, metadata, node, led, wait_ms).then(
            (deliveries) => ({ node, deliveries }),
            (error: unknown) => ({ node, error }),
          ),
        );
      }
      const answer = await Promise.race(polls.values());
      polls.delete(answer.node);
      if (signal.aborted) return;
      if ('error' in answer) throw answer.error;
      for (const { cursor, next } of answer.deliveries) cursor.next = next;
      yield answer.deliveries;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    cut(consumer);
  }
}

function byLeader(metadata: ClusterMetadata, cursors: readonly Cursor[]): ReadonlyMap<number, readonly Cursor[]> {
  const led = new Map<number, Cursor[]>();
  for (const cursor of cursors) {
    const leader = metadata.topics.get(cursor.topic)?.partitions[cursor.partition]?.leader ?? -1;
    if (leader < 0) throw new Error(`${cursor.topic}/${cursor.partition} has no leader`);
    led.set(leader, [...(led.get(leader) ?? []), cursor]);
  }
  return led;
}

/** One answer of one broker. Throws OffsetOutOfRange, or what went wrong. */
export async function fetchFrom(consumer: Consumer, metadata: ClusterMetadata, node: number, cursors: readonly Cursor[], wait_ms: number): Promise<readonly Delivery[]> {
  const names = new Map([...metadata.topics].map(([name, topic]) => [topic.id, name]));
  const wanted = new Map<string, Cursor[]>();
  for (const cursor of cursors) {
    const { id } = metadata.topics.get(cursor.topic)!;
    wanted.set(id, [...(wanted.get(id) ?? []), cursor]);
  }
  const answer = await fetchAnswer(consumer, {
    node,
    maxWaitTime: wait_ms,
    minBytes: 1,
    topics: [...wanted].map(([topicId, list]) => ({
      topicId,
      partitions: list.map(({ partition, next }) => ({ partition, fetchOffset: BigInt(next), currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: partitionBytes })),
    })),
  });
  return answer.responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap((partition) => {
      const cursor = wanted.get(topicId)?.find((candidate) => candidate.partition === partition.partitionIndex);
      return cursor === undefined ? [] : [toDelivery(cursor, names.get(topicId)!, partition)];
    }),
  );
}

/** The library throws when any partition has an error; the one that matters here is told apart. */
async function fetchAnswer(consumer: Consumer, request: Parameters<Consumer['fetch']>[0]): Promise<FetchAnswer> {
  try {
    return await consumer.fetch(request);
  } catch (error) {
    const { response } = error as { response?: FetchAnswer };
    for (const topic of response?.responses ?? []) {
      const gone = topic.partitions.find((partition) => partition.errorCode === offsetOutOfRange);
      if (gone === undefined) continue;
      const name = [...(consumer.currentMetadata?.topics ?? [])].find(([, known]) => known.id === topic.topicId)?.[0] ?? topic.topicId;
      const asked = request.topics.find(({ topicId }) => topicId === topic.topicId)?.partitions.find(({ partition }) => partition === gone.partitionIndex)?.fetchOffset ?? -1n;
      throw new OffsetOutOfRange({ topic: name, partition: gone.partitionIndex, offset: Number(asked) });
    }
    throw error;
  }
}

function toDelivery(cursor: Cursor, topic: string, answer: PartitionAnswer): Delivery {
  const asked = cursor.next;
  const batches = answer.records ?? [];
  const records: StoredRecord[] = [];
  let next = asked;
  for (const batch of batches) {
    const first = Number(batch.firstOffset);
    // Control records and what compaction removed hold nothing, and are passed.
    next = Math.max(next, first + batch.lastOffsetDelta + 1);
    if ((batch.attributes & controlBatch) === 0) collect(records, batch, first, asked, topic, cursor.partition);
  }
  const from = batches.length === 0 ? asked : Math.max(asked, Number(batches[0]!.firstOffset));
  return { cursor, asked, from, next, end: Number(answer.highWatermark), records };
}

function collect(records: StoredRecord[], batch: Batch, first: number, asked: number, topic: string, partition: number): void {
  for (const record of batch.records) {
    const offset = first + record.offsetDelta;
    // A batch is given whole, also when the offset asked for is in its middle.
    if (offset < asked) continue;
    const headers: Record<string, string> = {};
    for (const [name, value] of record.headers) headers[String(name)] = value === null ? '' : value.toString('utf8');
    records.push({
      topic,
      key: record.key?.toString('utf8') ?? '',
      // Copied: a small record that is kept would otherwise keep the whole answer in memory.
      value: record.value === null ? null : Buffer.from(record.value),
      headers,
      position: { topic, partition, offset },
      appended: Number((batch.attributes & stampedByBroker) === 0 ? batch.firstTimestamp + record.timestampDelta : batch.maxTimestamp),
    });
  }
}
