import { partitionKey, type EventLog, type Positions, type StoredRecord } from './port.js';

/**
 * Reads a compacted topic up to the end it had at the beginning and keeps the last record of each key. The end is compared
 * as a position, never as a count: compaction and control records leave offsets that hold nothing.
 */
export async function readStateFrom(
  log: Pick<EventLog, 'ends' | 'follow'>,
  topic: string,
  signal?: AbortSignal,
): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }> {
  signal?.throwIfAborted();
  const ends = await log.ends([topic]);
  const next = new Map<string, number>([...ends.keys()].map((name) => [name, 0]));
  const latest = new Map<string, StoredRecord>();
  const behind = new Set([...ends].filter(([, end]) => end > 0).map(([name]) => name));
  if (behind.size === 0) return { records: [], next: ends };

  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  for await (const batch of log.follow({ topics: [topic], from: new Map(), signal: either, idle_ms: 100 })) {
    for (const record of batch.records) {
      const name = partitionKey(topic, record.position.partition);
      next.set(name, record.position.offset + 1);
      if (next.get(name)! >= ends.get(name)!) behind.delete(name);
      latest.delete(record.key);
      if (record.value !== null) latest.set(record.key, record);
    }
    // At the end of every partition, whatever the last offsets held, everything up to the captured end has been seen.
    if (batch.atEnd) behind.clear();
    if (behind.size === 0) stop.abort();
  }
  signal?.throwIfAborted();
  for (const [name, end] of ends) next.set(name, Math.max(end, next.get(name) ?? 0));
  return { records: [...latest.values()], next };
}
