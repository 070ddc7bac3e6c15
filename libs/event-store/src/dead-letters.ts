import type { LogRecord, StoredRecord } from '@customhouse/event-log/port';
import { Outbox, outboxEntryLimit_bytes } from './outbox.js';
import type { Tx } from './sql.js';
import { storableText } from './storable-text.js';

const outbox = new Outbox();

/** Topic for the records of `topic` that a group could not process. */
export function deadLetterTopicName(topic: string, group: string): string {
  return `${topic}.dead.${group}`;
}

/** Keeps a record that could not be processed, with the reason, in the service's table and on the dead-letter topic. */
export async function keepDeadLetter(tx: Tx, group: string, record: StoredRecord, reason: string): Promise<void> {
  const { topic, partition, offset } = record.position;
  const sql = `
    insert into dead_letters (group_name, topic, partition, log_offset, key, value, headers, reason) values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (group_name, topic, partition, log_offset) do nothing`;
  await tx.query(sql, [
    group,
    topic,
    partition,
    offset,
    storableText(record.key),
    record.value === null ? null : Buffer.from(record.value),
    storableText(JSON.stringify(record.headers)),
    storableText(reason),
  ]);
  await outbox.publishRaw(tx, [deadLetter(group, record, reason)]);
}

function deadLetter(group: string, record: StoredRecord, reason: string): LogRecord {
  const { topic, partition, offset } = record.position;
  const large = (record.value?.length ?? 0) > outboxEntryLimit_bytes;
  return {
    topic: deadLetterTopicName(topic, group),
    key: storableText(record.key),
    // What is too large to be sent again is in the table.
    value: large ? null : record.value,
    headers: {
      ...record.headers,
      'customhouse-dead-topic': topic,
      'customhouse-dead-partition': String(partition),
      'customhouse-dead-offset': String(offset),
      'customhouse-dead-reason': reason.slice(0, 1_000),
    },
  };
}
