import { hash, randomFillSync } from 'node:crypto';
import { stateTopics, wireType, type EventDeclaration } from '@customhouse/events/catalogue';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { ulid } from '@customhouse/kernel/ulid';
import type { LogRecord } from '../port.js';
import type { NewEvent } from '../sink.js';

/** Something to be written, complete but for its place in the chain. */
export interface Draft {
  readonly topic: string;
  readonly key: string;
  /** Undefined for raw records. */
  readonly event: EventDraft | undefined;
  /** Of raw records. */
  readonly raw: LogRecord | undefined;
  /** About what it takes in memory and on the wire. */
  readonly bytes: number;
}

export interface EventDraft {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly cause: string | undefined;
  readonly traceparent: string | undefined;
  /** Canonical JSON. A function where the data tell the event's own sequence. */
  readonly data: string | ((sequence: number) => string);
  readonly chained: boolean;
}

/** What the writer knows of itself. */
export interface Origin {
  /** `customhouse/<service>/<instance>`. */
  readonly source: string;
  readonly instance: string;
}

/** The next link of a chain. */
export interface Link {
  readonly epoch: string;
  readonly sequence: number;
  readonly previous: string;
}

const envelopeBytes = 600;
const unchained = new Set<string>(stateTopics);
const contentType = 'application/cloudevents+json; charset=UTF-8';

/** Throws TypeError for data that JSON cannot hold. */
export function draftEvent(event: NewEvent, now: number): Draft {
  return draft(event.declaration, event, canonicalise(event.data), now);
}

/** An event whose data tell its own sequence. */
export function draftWithSequence(
  declaration: EventDeclaration,
  place: { readonly subject: string; readonly key: string },
  data: (sequence: number) => unknown,
  now: number,
): Draft {
  return draft(declaration, place, (sequence) => canonicalise(data(sequence)), now);
}

function draft(declaration: EventDeclaration, event: Omit<NewEvent, 'declaration' | 'data'>, data: EventDraft['data'], now: number): Draft {
  const time = event.time ?? now;
  return {
    topic: declaration.topic,
    key: event.key,
    event: {
      id: event.id ?? newId(time),
      type: wireOf(declaration),
      subject: event.subject,
      time: textOf(time),
      cause: event.cause,
      traceparent: event.traceparent,
      data,
      chained: !unchained.has(declaration.topic),
    },
    raw: undefined,
    bytes: envelopeBytes + (typeof data === 'string' ? data.length : 200),
  };
}

export function draftRaw(record: LogRecord): Draft {
  return { topic: record.topic, key: record.key, event: undefined, raw: record, bytes: 200 + (record.value?.length ?? 0) };
}

/** The record of an event. The envelope is written in RFC 8785 order by hand: its members are known, and data are canonical already. */
export function finish(draft: Draft, origin: Origin, link: Link): LogRecord {
  const { event } = draft;
  if (event === undefined) return draft.raw!;
  const data = typeof event.data === 'string' ? event.data : event.data(link.sequence);
  const text =
    (event.cause === undefined ? '{' : `{"causationid":${JSON.stringify(event.cause)},`) +
    `"data":${data},"datacontenttype":"application/json"` +
    (event.chained ? `,"epoch":"${link.epoch}"` : '') +
    `,"id":"${event.id}"` +
    (event.chained ? `,"instance":${JSON.stringify(origin.instance)},"previoushash":"${link.previous}","sequence":"${String(link.sequence).padStart(16, '0')}"` : '') +
    `,"source":${JSON.stringify(origin.source)},"specversion":"1.0","subject":${JSON.stringify(event.subject)},"time":"${event.time}"` +
    (event.traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(event.traceparent)}`) +
    `,"type":"${event.type}"}`;
  return {
    topic: draft.topic,
    key: draft.key,
    value: Buffer.from(text, 'utf8'),
    headers: { 'content-type': contentType, ce_id: event.id, ce_type: event.type, ce_source: origin.source },
  };
}

/** SHA-256 of an event's bytes, base64url: what the next event of the chain carries as `previoushash`. */
export function hashOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url');
}

let last = { time: 0, text: timestamp(0) };

/** Many events are made in the same millisecond. */
function textOf(time: number): string {
  if (time !== last.time) last = { time, text: timestamp(time) };
  return last.text;
}

const wires = new WeakMap<EventDeclaration, string>();

function wireOf(declaration: EventDeclaration): string {
  let wire = wires.get(declaration);
  if (wire === undefined) wires.set(declaration, (wire = wireType(declaration)));
  return wire;
}

const random = new Uint8Array(1000);
let used = random.length;

function newId(time: number): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += 10;
  return ulid(time, random.subarray(used - 10, used));
}
