import { afterEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { partitionKey, PositionGone, type EventLog, type FollowOptions, type StoredRecord } from '@customhouse/event-log/port';
import { ulid } from '@customhouse/kernel/ulid';
import { ada } from '../../test/support/fakes.js';
import { CallFollower, HistoryLate } from './call-follower.js';
import { History } from './history.js';

const topic = 'customhouse.calls';
const began = Date.parse('2026-11-22T13:00:00.000Z');
const session = ulid(began, new Uint8Array(10));

/** A call of another process that was let through, unless it says otherwise. */
function record(offset: number, changes: { instance?: string; epoch?: string; labels?: string[] } = {}): StoredRecord {
  const { instance = 'other', epoch = '5', labels = ['reads-sensitive'] } = changes;
  const data = {
    call: `C${offset}`,
    principal: ada.principal,
    server: 's',
    tool: 't',
    labels,
    decision: { effect: 'allow', rules: [], obligations: {}, policy: { number: 1, digest: 'P' } },
  };
  const source = `customhouse/ingress/${instance}`;
  const envelope = {
    specversion: '1.0',
    id: ulid(began, new Uint8Array(10).fill(offset)),
    type: 'customhouse.call.admitted.v1',
    source,
    subject: 'x',
    time: '2026-11-22T13:00:00.000Z',
    instance,
    epoch,
  };
  return {
    ...{ topic, key: session, value: Buffer.from(JSON.stringify({ ...envelope, datacontenttype: 'application/json', data })), headers: { ce_source: source } },
    ...{ position: { topic, partition: 0, offset }, appended: began + offset },
  };
}

/** One partition, of which the oldest records may be gone. */
class Log {
  readonly records: StoredRecord[] = [];
  earliest = 0;
  readonly asked: number[] = [];

  ends = (): Promise<Map<string, number>> => Promise.resolve(new Map([[partitionKey(topic, 0), this.records.length]]));

  async *follow({ from, signal }: FollowOptions): AsyncGenerator<{ records: StoredRecord[]; atEnd: boolean }> {
    let next = from.get(partitionKey(topic, 0)) ?? 0;
    this.asked.push(next);
    if (next < this.earliest) throw new PositionGone({ topic, partition: 0, offset: next }, this.earliest, this.records.length);
    while (!signal.aborted) {
      const records = this.records.slice(next);
      next = this.records.length;
      yield { records, atEnd: true };
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

let follower: CallFollower | undefined;
afterEach(() => follower?.close());

function following(log: Log, options: { others?: boolean; records?: number } = {}): [CallFollower, History] {
  const history = new History(100);
  const { others = true, records = 100 } = options;
  follower = new CallFollower({ log: log as unknown as EventLog, history, sink: { instance: 'self', epoch: '7' }, records, others, logger: pino({ level: 'silent' }) });
  return [follower, history];
}

describe('the calls of other processes', () => {
  it('are known when it is asked whether they are, also those that came since', async () => {
    const log = new Log();
    log.records.push(record(0));
    const [calls, history] = following(log);
    await calls.current(10_000);
    expect(history.session(session).counters.calls).toBe(1);
    log.records.push(record(1), record(2));
    await calls.current(10_000);
    expect(history.session(session).counters.calls).toBe(3);
  });

  it('are told from the own ones, which were folded when they were decided; not so those before the restart', async () => {
    const log = new Log();
    log.records.push(record(0, { instance: 'self', epoch: '6' }), record(1, { instance: 'self', epoch: '7' }), record(2, { instance: 'self', epoch: '8' }));
    const [calls, history] = following(log);
    await calls.current(10_000);
    log.records.push(record(3, { instance: 'self', epoch: '8' }), record(4));
    await calls.current(10_000);
    expect(history.session(session).counters.calls).toBe(2);
  });

  it('are read back so far and no farther, and what was before is taken for unknown', async () => {
    const log = new Log();
    for (let offset = 0; offset < 10; offset += 1) log.records.push(record(offset, { labels: [] }));
    const [calls, history] = following(log, { records: 3 });
    await calls.current(10_000);
    expect(log.asked).toEqual([7]);
    expect(history.session(session).labels).toContain('communicates-externally');
    expect(history.session(ulid(began + 7, new Uint8Array(10))).labels).toEqual([]);
  });

  it('that the log no longer has are taken for unknown', async () => {
    const log = new Log();
    for (let offset = 0; offset < 10; offset += 1) log.records.push(record(offset, { labels: [] }));
    log.earliest = 5;
    const [calls, history] = following(log);
    await calls.current(30_000);
    expect(log.asked).toEqual([0, 5]);
    expect(history.session(session)).toMatchObject({ counters: { calls: 5 }, labels: expect.arrayContaining(['reads-sensitive']) });
    expect(history.session(ulid(began + 5, new Uint8Array(10))).labels).toEqual([]);
  }, 40_000);

  it('need not be waited for where there are no other processes, once the beginning was read', async () => {
    const log = new Log();
    log.records.push(record(0));
    const [calls, history] = following(log, { others: false });
    await calls.current(10_000);
    expect(history.session(session).counters.calls).toBe(1);
    log.ends = () => Promise.reject(new Error('nobody asks'));
    await calls.current(10_000);
  });

  it('that cannot be read in time are late, and whoever asks is told', async () => {
    const log = new Log();
    const [calls] = following(log);
    await calls.current(10_000);
    log.ends = () => Promise.resolve(new Map([[partitionKey(topic, 0), 5]]));
    await expect(calls.current(50)).rejects.toThrow(HistoryLate);
  });

  it('are late, too, when the log does not say where they end', async () => {
    const log = new Log();
    const [calls] = following(log);
    await calls.current(10_000);
    log.ends = () => new Promise(() => undefined);
    await expect(calls.current(50)).rejects.toThrow(HistoryLate);
  });

  it('that are no events are passed over', async () => {
    const log = new Log();
    log.records.push({ ...record(0), value: Buffer.from('{') }, record(1));
    const [calls, history] = following(log);
    await calls.current(10_000);
    expect(history.session(session).counters.calls).toBe(1);
  });
});
