import type { Message, Producer } from 'kafkajs';
import { messageOf, within } from '../../deadline.js';
import { partitionKey, type AppendResult } from '../../port.js';
import type { PlacedRecord } from '../driver.js';
import type { KafkaOptions } from '../options.js';
import { verdictOf } from '../verdicts.js';
import { newClient } from './client.js';
import { Sockets } from './sockets.js';

interface Session {
  readonly producer: Producer;
  readonly sockets: Sockets;
  connected: boolean;
}

/**
 * Appends with one request for each leader, never repeated and never idempotent: after a failed send this library rolls its
 * sequence back, and the broker then takes the next batch of the same size for a duplicate and acknowledges it unseen.
 *
 * When one partition of a request fails the library throws away what the others answered: all of them are indeterminate then.
 */
export class KafkaJsProducer {
  private session: Session | undefined;

  /** `onEnding`: told of work that goes on after a producer was given up, and that must not outlive the driver. */
  constructor(
    private readonly options: KafkaOptions,
    private readonly onEnding: (ending: Promise<void>) => void,
  ) {}

  async produce(batch: readonly PlacedRecord[], timeout_ms: number): Promise<readonly AppendResult[]> {
    const session = (this.session ??= this.open(timeout_ms));
    session.sockets.produceBegan = false;
    try {
      const bases = await within(timeout_ms, this.attempt(session, batch, timeout_ms));
      return positions(batch, bases);
    } catch (error) {
      this.discard(session);
      return failures(batch, error, session.sockets.produceBegan);
    }
  }

  close(): void {
    if (this.session !== undefined) this.discard(this.session);
  }

  private open(timeout_ms: number): Session {
    const sockets = new Sockets();
    const producer = newClient(this.options, sockets, timeout_ms + 1000).producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      retry: { retries: 0 },
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    return { producer, sockets, connected: false };
  }

  private discard(session: Session): void {
    if (this.session === session) this.session = undefined;
    session.sockets.cut();
    // Its sockets are gone, so there is nothing that this could fail at and that would matter.
    this.onEnding(session.producer.disconnect().catch(() => undefined));
  }

  /** The first offset of each partition of the batch. */
  private async attempt(session: Session, batch: readonly PlacedRecord[], timeout_ms: number): Promise<ReadonlyMap<string, number>> {
    if (!session.connected) {
      await session.producer.connect();
      session.connected = true;
    }
    const messages = new Map<string, Message[]>();
    for (const { record, partition } of batch) {
      let list = messages.get(record.topic);
      if (list === undefined) messages.set(record.topic, (list = []));
      list.push({
        key: record.key,
        value: record.value === null ? null : Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength),
        headers: record.headers,
        partition,
      });
    }
    const answers = await session.producer.sendBatch({ acks: -1, timeout: timeout_ms, topicMessages: [...messages].map(([topic, list]) => ({ topic, messages: list })) });
    return new Map(
      answers
        .filter((answer) => answer.errorCode === 0 && answer.baseOffset !== undefined)
        .map((answer) => [partitionKey(answer.topicName, answer.partition), Number(answer.baseOffset)]),
    );
  }
}

function positions(batch: readonly PlacedRecord[], bases: ReadonlyMap<string, number>): readonly AppendResult[] {
  const nth = new Map<string, number>();
  return batch.map(({ record: { topic }, partition }): AppendResult => {
    const name = partitionKey(topic, partition);
    const place = nth.get(name) ?? 0;
    nth.set(name, place + 1);
    const base = bases.get(name);
    if (base === undefined) return { outcome: 'indeterminate', error: new Error(`Kafka did not say where it stored a record of ${topic}/${partition}`) };
    return { outcome: 'stored', position: { topic, partition, offset: base + place } };
  });
}

function failures(batch: readonly PlacedRecord[], cause: unknown, sent: boolean): readonly AppendResult[] {
  if (!sent) {
    const error = new Error(`Kafka cannot be reached: ${messageOf(cause)}`, { cause });
    return batch.map(() => ({ outcome: 'refused', error, transient: true }));
  }
  const error = new Error(`Kafka did not confirm the records: ${messageOf(cause)}`, { cause });
  const alone = batch.every(({ record, partition }) => record.topic === batch[0]!.record.topic && partition === batch[0]!.partition);
  const code = codeOf(cause);
  const verdict = alone && code !== undefined ? verdictOf(code, undefined) : 'indeterminate';
  return batch.map(() => (verdict === 'indeterminate' ? { outcome: 'indeterminate', error } : { outcome: 'refused', error, transient: verdict === 'transient' }));
}

/** The broker's error code, below what the library wraps around it. */
function codeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: unknown };
  return name === 'KafkaJSProtocolError' && typeof code === 'number' ? code : codeOf(cause);
}
