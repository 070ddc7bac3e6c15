import { ProduceAcks, Producer, type MessageToProduce } from '@platformatic/kafka';
import { messageOf, within } from '../../deadline.js';
import { partitionKey, type AppendResult } from '../../port.js';
import type { PlacedRecord } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { verdictOf } from '../verdicts.js';
import { clientOptions, cut } from './clients.js';

/** Records of one leader, with their places in the batch. */
interface Share {
  readonly indexes: number[];
  readonly messages: MessageToProduce[];
}

/** The part of a produce response that is looked at. */
interface PartitionAnswer {
  readonly index: number;
  readonly errorCode: number;
  readonly baseOffset: bigint;
  readonly errorMessage?: string | null;
}

/**
 * Appends with one request for each leader, never repeated. A producer that did not answer in time is cut and replaced: what
 * it has not sent yet is never sent, and a hung connection holds up only one batch.
 */
export class PlatformaticProducer {
  private producer: Producer | undefined;

  constructor(private readonly options: KafkaOptions) {}

  async produce(batch: readonly PlacedRecord[], timeout_ms: number): Promise<readonly AppendResult[]> {
    const results = new Array<AppendResult | undefined>(batch.length).fill(undefined);
    const progress = { sent: false, over: false };
    const producer = (this.producer ??= this.create(timeout_ms));
    try {
      await within(timeout_ms, this.attempt(producer, batch, results, progress));
    } catch (error) {
      progress.over = true;
      this.discard(producer);
      const failure = new Error(progress.sent ? `Kafka did not confirm the records: ${messageOf(error)}` : `Kafka cannot be reached: ${messageOf(error)}`, { cause: error });
      const answer: AppendResult = progress.sent ? { outcome: 'indeterminate', error: failure } : { outcome: 'refused', error: failure, transient: true };
      return results.map((result) => result ?? answer);
    }
    return results.map((result, index) => result ?? { outcome: 'indeterminate', error: new Error(`Kafka did not say what became of a record of ${batch[index]!.record.topic}`) });
  }

  close(): void {
    if (this.producer !== undefined) this.discard(this.producer);
  }

  private create(timeout_ms: number): Producer {
    return new Producer({
      ...clientOptions(this.options),
      acks: ProduceAcks.ALL,
      idempotent: false,
      repeatOnStaleMetadata: false,
      // How long the leader waits for its replicas.
      timeout: timeout_ms,
      requestTimeout: timeout_ms + 1000,
    });
  }

  private discard(producer: Producer): void {
    if (this.producer === producer) this.producer = undefined;
    cut(producer);
  }

  /** Everything up to `sent` can fail without a doubt: nothing has left this process. */
  private async attempt(producer: Producer, batch: readonly PlacedRecord[], results: (AppendResult | undefined)[], progress: { sent: boolean; over: boolean }): Promise<void> {
    const topics = [...new Set(batch.map(({ record }) => record.topic))];
    const metadata = await producer.metadata({ topics });
    const shares = new Map<number, Share>();
    batch.forEach((placed, index) => {
      const leader = metadata.topics.get(placed.record.topic)?.partitions[placed.partition]?.leader ?? -1;
      let share = shares.get(leader);
      if (share === undefined) shares.set(leader, (share = { indexes: [], messages: [] }));
      share.indexes.push(index);
      share.messages.push(toMessage(placed));
    });
    const missing = [...shares.keys()].filter((leader) => !metadata.brokers.has(leader));
    if (missing.length > 0) {
      producer.clearMetadata();
      throw new Error('a partition has no leader');
    }
    await producer.connectToBrokers([...shares.keys()]);
    if (progress.over) return;
    progress.sent = true;
    await Promise.all([...shares.values()].map((share) => this.send(producer, share, batch, results)));
  }

  private async send(producer: Producer, share: Share, batch: readonly PlacedRecord[], results: (AppendResult | undefined)[]): Promise<void> {
    let answers: ReadonlyMap<string, PartitionAnswer>;
    let failure: unknown;
    try {
      const produced = await producer.send({ messages: share.messages, acks: ProduceAcks.ALL });
      answers = new Map((produced.offsets ?? []).map(({ topic, partition, offset }) => [partitionKey(topic, partition), { index: partition, errorCode: 0, baseOffset: offset }]));
    } catch (error) {
      failure = error;
      answers = answersIn(error);
      // The leader may have changed.
      producer.clearMetadata();
    }
    const nth = new Map<string, number>();
    for (const index of share.indexes) {
      const { record, partition } = batch[index]!;
      const name = partitionKey(record.topic, partition);
      const place = nth.get(name) ?? 0;
      nth.set(name, place + 1);
      const answer = answers.get(name);
      if (answer !== undefined) results[index] = resultOf(record.topic, answer, place);
      else
        results[index] = {
          outcome: 'indeterminate',
          error: new Error(`Kafka did not confirm the record: ${failure === undefined ? 'no answer for its partition' : messageOf(failure)}`, { cause: failure }),
        };
    }
    // A connection that failed in the middle of a request is in no known state.
    if (failure !== undefined && answers.size === 0) this.discard(producer);
  }
}

function resultOf(topic: string, answer: PartitionAnswer, place: number): AppendResult {
  if (answer.errorCode === 0) return { outcome: 'stored', position: { topic, partition: answer.index, offset: Number(answer.baseOffset) + place } };
  const verdict = verdictOf(answer.errorCode, Number(answer.baseOffset));
  const error = new Error(`Kafka refused a record of ${topic}/${answer.index}: error ${answer.errorCode}${answer.errorMessage ? `, ${answer.errorMessage}` : ''}`);
  return verdict === 'indeterminate' ? { outcome: 'indeterminate', error } : { outcome: 'refused', error, transient: verdict === 'transient' };
}

/** An error of this library carries the whole response somewhere below when only some partitions failed. */
function answersIn(error: unknown): ReadonlyMap<string, PartitionAnswer> {
  const found = new Map<string, PartitionAnswer>();
  const look = (current: unknown): void => {
    if (typeof current !== 'object' || current === null) return;
    const { response, errors, cause } = current as { response?: { responses?: { name: string; partitionResponses: PartitionAnswer[] }[] }; errors?: unknown[]; cause?: unknown };
    for (const topic of response?.responses ?? []) for (const answer of topic.partitionResponses) found.set(partitionKey(topic.name, answer.index), answer);
    if (Array.isArray(errors)) errors.forEach(look);
    look(cause);
  };
  look(error);
  return found;
}

const headerNames = new Map<string, Buffer>();

function toMessage({ record, partition }: PlacedRecord): MessageToProduce {
  const headers = new Map<Buffer, Buffer>();
  for (const name in record.headers) headers.set(headerName(name), Buffer.from(record.headers[name]!, 'utf8'));
  return { topic: record.topic, partition, key: Buffer.from(record.key, 'utf8'), value: record.value === null ? undefined : asBuffer(record.value), headers };
}

function headerName(name: string): Buffer {
  let bytes = headerNames.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name, 'utf8');
    if (headerNames.size < 100) headerNames.set(name, bytes);
  }
  return bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
