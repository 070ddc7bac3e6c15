import { partitionKey, type StoredRecord } from '../port.js';

/** Records of one partition without a gap: `records[i]` has offset `start + i`. */
interface Tail {
  start: number;
  records: StoredRecord[];
  bytes: number;
}

/** How much of a partition is kept. */
const limits = { records: 500, bytes: 1024 * 1024 };

/**
 * The newest records that this process appended, for its own followers. One process hosts the writer and every consumer in
 * the embedded mode: without this each record would be fetched and parsed once for each of them. An entry is used only
 * where offsets prove that nothing lies between what a follower has and what is here.
 */
export class TailCache {
  private readonly tails = new Map<string, Tail>();
  /** Set by the first follower. Without one nothing is kept. */
  wanted = false;

  push(record: StoredRecord): void {
    if (!this.wanted) return;
    const { topic, partition, offset } = record.position;
    const name = partitionKey(topic, partition);
    let tail = this.tails.get(name);
    if (tail === undefined || tail.start + tail.records.length !== offset) this.tails.set(name, (tail = { start: offset, records: [], bytes: 0 }));
    tail.records.push(record);
    tail.bytes += record.value?.length ?? 0;
    if (tail.records.length > limits.records || tail.bytes > limits.bytes) dropOlderHalf(tail);
  }

  /** The database was seen to end there: an own record that comes next continues without a gap. */
  reach(topic: string, partition: number, end: number): void {
    const tail = this.tails.get(partitionKey(topic, partition));
    if (tail === undefined || tail.start + tail.records.length < end) this.tails.set(partitionKey(topic, partition), { start: end, records: [], bytes: 0 });
  }

  /** What retention and compaction removed must not live on here. */
  clear(): void {
    this.tails.clear();
  }

  /** The records from an offset on, at most `limit`; empty when the offset is the end of the tail; undefined when it is not in it. */
  from(topic: string, partition: number, offset: number, limit: number): readonly StoredRecord[] | undefined {
    const tail = this.tails.get(partitionKey(topic, partition));
    if (tail === undefined) return undefined;
    const index = offset - tail.start;
    if (index < 0 || index > tail.records.length) return undefined;
    return tail.records.slice(index, index + limit);
  }
}

function dropOlderHalf(tail: Tail): void {
  const dropped = tail.records.splice(0, Math.ceil(tail.records.length / 2));
  tail.start += dropped.length;
  for (const record of dropped) tail.bytes -= record.value?.length ?? 0;
}
