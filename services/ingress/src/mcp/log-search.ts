import { callAborted, callCompleted, callDenied, callDispatched, callFailed, callOutcomeLost } from '@customhouse/events/call/events';
import { decode, UndecodableRecord } from '@customhouse/event-log/decode';
import { partitionKey, PositionGone, type EventLog, type Position, type StoredRecord } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';

/** Events that decide who, if anybody, may still send a call. */
const deciding: ReadonlySet<string> = new Set([callDispatched, callAborted, callCompleted, callDenied, callFailed, callOutcomeLost].map((declaration) => declaration.type));

/** The end of the partition came before what was looked for. Not an answer: the caller must not act on it. */
export class SearchFailed extends Error {
  override readonly name = 'SearchFailed';
}

/**
 * The first event from this position on by which somebody began to send the call, or ended it. Undefined when there is none up to
 * the end that the partition has now. The order of the log decides between two processes that both believe it is their turn.
 * Rejects when the log cannot be read within the time.
 */
export async function firstDecisive(log: EventLog, call: string, from: Position, timeout_ms: number): Promise<StoredEvent | undefined> {
  const partition = partitionKey(from.topic, from.partition);
  const ends = await log.ends([from.topic]);
  const end = ends.get(partition) ?? 0;
  if (end <= from.offset) return undefined;
  const signal = AbortSignal.timeout(timeout_ms);
  // All partitions of a topic are followed together; the others are followed from their ends, where nothing is.
  const positions = new Map(ends).set(partition, from.offset);
  for await (const batch of log.follow({ topics: [from.topic], from: positions, signal, idle_ms: 50 })) {
    for (const record of batch.records) {
      if (record.position.partition !== from.partition) continue;
      const event = decisive(record, call);
      if (event !== undefined) return event;
      if (record.position.offset >= end - 1) return undefined;
    }
    if (batch.atEnd) return undefined;
  }
  throw new SearchFailed(`the log could not be searched for call ${call} within ${timeout_ms} ms`);
}

const ends: ReadonlySet<string> = new Set([callAborted, callCompleted, callDenied, callFailed, callOutcomeLost].map((declaration) => declaration.type));

/**
 * The event that ended a call, looked for from this position on and waited for if it is not in the log yet. Undefined when the signal comes
 * first; `gone` when the log no longer has the position.
 */
export async function endOfCall(log: EventLog, call: string, from: Position, signal: AbortSignal): Promise<StoredEvent | 'gone' | undefined> {
  try {
    const positions = new Map(await log.ends([from.topic])).set(partitionKey(from.topic, from.partition), from.offset);
    for await (const { records } of log.follow({ topics: [from.topic], from: positions, signal })) {
      for (const record of records) {
        const event = decisive(record, call, ends);
        if (event !== undefined) return event;
      }
    }
    return undefined;
  } catch (error) {
    if (error instanceof PositionGone) return 'gone';
    throw error;
  }
}

function decisive(record: StoredRecord, call: string, types = deciding): StoredEvent | undefined {
  // Most records are of other calls: a look at the bytes is cheaper than decoding them.
  if (record.value === null || !Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength).includes(call)) return undefined;
  const event = decodable(record);
  return event !== undefined && types.has(event.type) && (event.data as { readonly call?: unknown }).call === call ? event : undefined;
}

/** A record that is no event of ours decides nothing. */
function decodable(record: StoredRecord): StoredEvent | undefined {
  try {
    return decode(record);
  } catch (error) {
    if (error instanceof UndecodableRecord) return undefined;
    throw error;
  }
}
