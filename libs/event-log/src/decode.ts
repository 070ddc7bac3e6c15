import { catalogue } from '@customhouse/events/all';
import { parseWireType } from '@customhouse/events/catalogue';
import type { Envelope } from '@customhouse/events/envelope';
import { upcast } from '@customhouse/events/upcast';
import type { StoredRecord } from './port.js';
import type { StoredEvent } from './stored-event.js';

/** The record is not an event of ours: no JSON, no CloudEvent, or no value at all. It is kept raw by whoever meets it. */
export class UndecodableRecord extends Error {
  override readonly name = 'UndecodableRecord';
  constructor(
    readonly record: StoredRecord,
    readonly problem: string,
  ) {
    const { topic, partition, offset } = record.position;
    super(`${topic}/${partition} at ${offset} ${problem}`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const wireTypes = new Map<string, { readonly type: string; readonly version: number }>();
const decoded = new WeakMap<StoredRecord, StoredEvent>();

/**
 * The event in a record, its data in the current version. An event that this program does not know, or knows only in an
 * older version, comes as it was written, marked by `foreign`. Throws UndecodableRecord.
 *
 * A record is decoded once, however many followers of this process it passes: treat the event as read-only.
 */
export function decode(record: StoredRecord): StoredEvent {
  const known = decoded.get(record);
  if (known !== undefined) return known;
  const event = decodeNow(record);
  decoded.set(record, event);
  return event;
}

function decodeNow(record: StoredRecord): StoredEvent {
  if (record.value === null) throw new UndecodableRecord(record, 'has no value');
  const envelope = parse(record, record.value);
  const base = { id: envelope.id, envelope, key: record.key, position: record.position, appended: record.appended, bytes: record.value };
  const wire = lookUp(envelope.type);
  if (wire === undefined) return { ...base, type: envelope.type, version: 0, data: envelope.data, foreign: 'unknown-type' };
  try {
    return { ...base, ...wire, ...upcast(wire.type, wire.version, envelope.data) };
  } catch (error) {
    throw new UndecodableRecord(record, `is ${wire.type} in version ${wire.version}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parse(record: StoredRecord, value: Uint8Array): Envelope {
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(value));
  } catch (error) {
    throw new UndecodableRecord(record, `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new UndecodableRecord(record, 'is not a CloudEvent: it is no object');
  const envelope = parsed as Record<string, unknown>;
  if (envelope['specversion'] !== '1.0') throw new UndecodableRecord(record, 'is not a CloudEvent of version 1.0');
  for (const member of ['id', 'type', 'source', 'subject', 'time']) {
    if (typeof envelope[member] !== 'string') throw new UndecodableRecord(record, `is not an event of ours: its ${member} is missing or no text`);
  }
  return parsed as Envelope;
}

function lookUp(wire: string): { readonly type: string; readonly version: number } | undefined {
  if (wireTypes.has(wire)) return wireTypes.get(wire);
  const parsed = parseWireType(wire);
  // Only what the catalogue knows is remembered, so that strange types and versions cannot fill the memory.
  if (parsed !== undefined && parsed.version <= (catalogue.get(parsed.type)?.version ?? 0)) wireTypes.set(wire, parsed);
  return parsed;
}
