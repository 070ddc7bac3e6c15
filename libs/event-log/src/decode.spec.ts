import { describe, expect, it } from '@jest/globals';
import { decode, UndecodableRecord } from './decode.js';
import type { StoredRecord } from './port.js';

const envelope = {
  specversion: '1.0',
  id: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  type: 'customhouse.call.failed.v1',
  source: 'customhouse/ingress/one',
  subject: 'call-1',
  time: '2026-11-22T13:00:00.000Z',
  datacontenttype: 'application/json',
  data: { call: 'x' },
};

function record(value: string | Uint8Array | null): StoredRecord {
  return { topic: 't', key: 'k', value: typeof value === 'string' ? Buffer.from(value) : value, headers: {}, position: { topic: 't', partition: 2, offset: 7 }, appended: 5 };
}

const decodeEvent = (members: Record<string, unknown>): ReturnType<typeof decode> => decode(record(JSON.stringify({ ...envelope, ...members })));

describe('reading an event from a record', () => {
  it('gives its type, its version, its data and where it lies', () => {
    const event = decodeEvent({});
    expect(event).toMatchObject({ id: envelope.id, type: 'call.failed', version: 1, data: { call: 'x' }, key: 'k', position: { topic: 't', partition: 2, offset: 7 } });
    expect(event.foreign).toBeUndefined();
    expect(Buffer.from(event.bytes).toString()).toBe(JSON.stringify(envelope));
  });

  it.each([
    ['customhouse.call.failed.v99', 'newer-version', 'call.failed', 99],
    ['customhouse.call.teleported.v1', 'unknown-type', 'call.teleported', 1],
    ['com.example.other', 'unknown-type', 'com.example.other', 0],
  ] as const)('keeps %s as it is, and marks it', (type, foreign, name, version) => {
    expect(decodeEvent({ type, data: { anything: [1] } })).toMatchObject({ foreign, type: name, version, data: { anything: [1] } });
  });

  it.each([
    ['no value', null, /has no value/],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe]), /is not JSON/],
    ['text that is no JSON', '{"specversion":', /is not JSON/],
    ['nothing', '', /is not JSON/],
    ['an array', '[]', /it is no object/],
    ['null', 'null', /it is no object/],
    ['another version of CloudEvents', JSON.stringify({ ...envelope, specversion: '0.3' }), /version 1\.0/],
    ['an id that is no text', JSON.stringify({ ...envelope, id: 5 }), /its id is missing/],
    ['no subject', JSON.stringify({ ...envelope, subject: undefined }), /its subject is missing/],
    ['a byte order mark', `\ufeff${JSON.stringify(envelope)}`, /is not JSON/],
  ])('says where and why it cannot: %s', (_, value, message) => {
    expect(() => decode(record(value))).toThrow(UndecodableRecord);
    expect(() => decode(record(value))).toThrow(message);
    expect(() => decode(record(value))).toThrow(/t\/2 at 7/);
  });

  it('does it once for each record, however many read it', () => {
    const one = record(JSON.stringify(envelope));
    expect(decode(one)).toBe(decode(one));
  });
});
