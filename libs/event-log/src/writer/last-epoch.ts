import { setTimeout as sleep } from 'node:timers/promises';
import { sourceStarted } from '@customhouse/events/source/events';
import { decode, UndecodableRecord } from '../decode.js';
import { partitionKey, type EventLog, type StoredRecord } from '../port.js';

/** How far back is looked. At one heartbeat in five seconds that is the last hour of a handful of processes. */
const lookBack = 3000;

/**
 * The latest epoch that an instance has used lately, 0 when none is found. A clock that was set back must not give a process
 * an epoch that is older than its own past: others tell living from dead by comparing epochs.
 */
export async function lastEpoch(log: EventLog, instance: string, timeout_ms: number): Promise<number> {
  const { topic } = sourceStarted;
  const name = partitionKey(topic, log.partitionOf(topic, instance));
  const ends = await log.ends([topic]);
  const end = ends.get(name) ?? 0;
  if (end === 0) return 0;
  const from = new Map([...ends, [name, Math.max(0, end - lookBack)] as const]);
  const stop = new AbortController();
  const late = sleep(timeout_ms, undefined, { signal: stop.signal, ref: false }).then(
    () => stop.abort(),
    () => undefined,
  );
  let latest = 0;
  for await (const batch of log.follow({ topics: [topic], from, signal: stop.signal, idle_ms: 100 })) {
    for (const record of batch.records) latest = Math.max(latest, epochOf(record, instance));
    if (batch.atEnd || batch.records.some((record) => partitionKey(topic, record.position.partition) === name && record.position.offset >= end - 1)) break;
  }
  stop.abort();
  await late;
  return latest;
}

function epochOf(record: StoredRecord, instance: string): number {
  try {
    const { envelope } = decode(record);
    return envelope.instance === instance && envelope.epoch !== undefined ? Number(envelope.epoch) : 0;
  } catch (error) {
    if (error instanceof UndecodableRecord) return 0;
    throw error;
  }
}
