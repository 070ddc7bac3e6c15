import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { murmur2 } from '@customhouse/event-log/murmur2';
import {
  partitionKey,
  PositionGone,
  type AppendResult,
  type EventLog,
  type FollowedBatch,
  type FollowOptions,
  type LogRecord,
  type Position,
  type StoredRecord,
} from '@customhouse/event-log/port';
import { UnknownTopic } from '@customhouse/event-log/topic-table';
import type { TopicAdmin, TopicDeclaration } from '@customhouse/event-log/topics';

export type Log = EventLog & TopicAdmin;

/** An engine under test. */
export interface Engine {
  /** A new client of the same log. */
  open(): Promise<Log>;
  /** Does what retention does: everything before the offset is gone. */
  expire(log: Log, topic: string, partition: number, before: number): Promise<void>;
  /** Does what compaction does, now; where an engine can be told to. */
  compact?(log: Log, topic: string): Promise<void>;
  /** Longest wait for something that comes by itself. Default 5000. */
  readonly patience_ms?: number;
}

/** What every engine promises through the port. */
export function conformance(name: string, engine: Engine): void {
  describe(`the log on ${name}`, () => {
    const suite = `conformance-${randomUUID()}`;
    const patience_ms = engine.patience_ms ?? 5000;
    let log: Log;
    let number = 0;

    beforeAll(async () => {
      log = await engine.open();
    });
    afterAll(() => log.close());

    async function newTopic(settings: Partial<TopicDeclaration> = {}): Promise<string> {
      const topic = `${suite}.${(number += 1)}`;
      await log.createTopics([{ name: topic, partitions: 3, cleanup: 'delete', retention_ms: null, max_record_bytes: 1024 * 1024, ...settings }]);
      return topic;
    }

    function record(topic: string, key: string, value: string | null = key, headers: Record<string, string> = {}): LogRecord {
      return { topic, key, value: value === null ? null : Buffer.from(value), headers };
    }

    async function append(...records: LogRecord[]): Promise<Position[]> {
      const results = await log.append(records, { timeout_ms: 10_000 });
      return results.map((result) => (result as Extract<AppendResult, { outcome: 'stored' }>).position ?? fail(result));
    }

    function fail(result: AppendResult): never {
      throw new Error(`not stored: ${JSON.stringify(result)}`, { cause: (result as { error?: Error }).error });
    }

    /** Follows until `enough` says so, and fails when it takes too long. */
    async function follow(
      options: Partial<FollowOptions> & { readonly topics: readonly string[] },
      enough: (records: readonly StoredRecord[], batch: FollowedBatch) => boolean,
      from: Log = log,
    ): Promise<StoredRecord[]> {
      const stop = new AbortController();
      const records: StoredRecord[] = [];
      let done = false;
      const timer = setTimeout(() => stop.abort(), patience_ms);
      try {
        for await (const batch of from.follow({ from: new Map(), signal: stop.signal, idle_ms: 100, ...options })) {
          records.push(...batch.records);
          if (enough(records, batch)) {
            done = true;
            break;
          }
        }
      } finally {
        clearTimeout(timer);
        stop.abort();
      }
      if (!done) throw new Error(`only ${records.length} records came in ${patience_ms} ms`);
      return records;
    }

    const atEnd = (_: readonly StoredRecord[], batch: FollowedBatch): boolean => batch.atEnd;
    const values = (records: readonly StoredRecord[]): (string | null)[] => records.map(({ value }) => (value === null ? null : Buffer.from(value).toString()));

    it('answers a batch with positions that follow each other within a partition, in the order of the batch', async () => {
      const topic = await newTopic();
      const first = await append(record(topic, 'a', '1'), record(topic, 'a', '2'), record(topic, 'a', '3'));
      const second = await append(record(topic, 'a', '4'));
      const { partition } = first[0]!;
      expect([...first, ...second]).toEqual([0, 1, 2, 3].map((offset) => ({ topic, partition, offset })));
    });

    it('stores a large batch in one group, over all partitions and several topics', async () => {
      const topics = [await newTopic(), await newTopic({ partitions: 1 })];
      const batch = Array.from({ length: 3000 }, (_, index) => record(topics[index % 2]!, `key-${index % 50}`, `value-${index}`));
      const positions = await append(...batch);
      const stored = await follow({ topics, batch: 200 }, atEnd);
      expect(stored).toHaveLength(3000);
      const byPosition = new Map(stored.map((one) => [JSON.stringify(one.position), one]));
      for (const [index, position] of positions.entries()) expect(values([byPosition.get(JSON.stringify(position))!])).toEqual([`value-${index}`]);
    });

    it('gives back key, value and headers byte for byte, and when it was appended', async () => {
      const topic = await newTopic({ partitions: 1, cleanup: 'compact' });
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      const before = Date.now();
      await append(
        { topic, key: 'grüße/😀 "\\', value: bytes, headers: { 'content-type': 'application/x', empty: '', quote: '"\\ü' } },
        record(topic, '', ''),
        record(topic, 'gone', null),
      );
      const [first, empty, removal] = await follow({ topics: [topic] }, (records) => records.length === 3);
      expect(first).toMatchObject({ topic, key: 'grüße/😀 "\\', headers: { 'content-type': 'application/x', empty: '', quote: '"\\ü' } });
      expect(Buffer.from(first!.value!).equals(bytes)).toBe(true);
      expect(Math.abs(first!.appended - before)).toBeLessThan(60_000);
      expect(empty!.key).toBe('');
      expect(empty!.value).toHaveLength(0);
      expect(removal).toMatchObject({ key: 'gone', value: null });
    });

    it('puts a key where every Kafka client looks for it, and says so beforehand', async () => {
      const topic = await newTopic({ partitions: 6 });
      const keys = Array.from({ length: 40 }, (_, index) => `session-${index}-ü`);
      const positions = await append(...keys.map((key) => record(topic, key)));
      for (const [index, key] of keys.entries()) {
        expect(positions[index]!.partition).toBe((murmur2(Buffer.from(key)) & 0x7fffffff) % 6);
        expect(log.partitionOf(topic, key)).toBe(positions[index]!.partition);
      }
    });

    it('keeps the order of a key over many batches', async () => {
      const topic = await newTopic();
      for (let batch = 0; batch < 20; batch += 1) await append(...['a', 'b', 'c'].map((key) => record(topic, key, `${key}${batch}`)));
      const stored = await follow({ topics: [topic] }, atEnd);
      for (const key of ['a', 'b', 'c']) expect(values(stored.filter((one) => one.key === key))).toEqual(Array.from({ length: 20 }, (_, batch) => `${key}${batch}`));
    });

    it('gives batches of one partition, no larger than asked for', async () => {
      const topic = await newTopic();
      await append(...Array.from({ length: 50 }, (_, index) => record(topic, `key-${index}`)));
      const sizes: number[] = [];
      await follow({ topics: [topic], batch: 7 }, (_, batch) => {
        sizes.push(batch.records.length);
        expect(new Set(batch.records.map(({ position }) => position.partition)).size).toBeLessThanOrEqual(1);
        return batch.atEnd;
      });
      expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(50);
    });

    it('follows what comes, soon', async () => {
      const topic = await newTopic();
      const late = new Promise<number>((resolve, reject) =>
        setTimeout(() => {
          const started = performance.now();
          append(record(topic, 'late')).then(() => resolve(started), reject);
        }, 500),
      );
      const [one] = await follow({ topics: [topic] }, (records) => records.length > 0);
      expect(one!.key).toBe('late');
      expect(performance.now() - (await late)).toBeLessThan(2000);
    });

    it('yields an empty batch at the end while nothing comes', async () => {
      const topic = await newTopic();
      await append(record(topic, 'a'));
      const started = performance.now();
      let idle = 0;
      await follow({ topics: [topic], idle_ms: 200 }, (_, batch) => {
        if (batch.records.length === 0) {
          expect(batch.atEnd).toBe(true);
          idle += 1;
        }
        return idle === 3;
      });
      expect(performance.now() - started).toBeGreaterThan(350);
    });

    it('resumes from a position without a gap and without a repetition', async () => {
      const topic = await newTopic();
      await append(...Array.from({ length: 30 }, (_, index) => record(topic, `key-${index}`)));
      const all = await follow({ topics: [topic] }, atEnd);
      const next = new Map<string, number>();
      const seen: StoredRecord[] = [];
      while (seen.length < 30) {
        const part = await follow({ topics: [topic], from: next, batch: 4 }, (records) => records.length > 0);
        for (const one of part) next.set(partitionKey(topic, one.position.partition), one.position.offset + 1);
        seen.push(...part);
      }
      const order = (records: readonly StoredRecord[]): string[] => records.map(({ position }) => `${position.partition}/${String(position.offset).padStart(5, '0')}`).sort();
      expect(order(seen)).toEqual(order(all));
    });

    it('says when retention has removed the position, and never goes on elsewhere', async () => {
      const topic = await newTopic({ partitions: 1 });
      await append(...Array.from({ length: 10 }, (_, index) => record(topic, 'a', String(index))));
      await engine.expire(log, topic, 0, 4);
      const gone = await follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 2]]) }, () => false).catch((error: unknown) => error);
      expect(gone).toBeInstanceOf(PositionGone);
      expect(gone).toMatchObject({ asked: { topic, partition: 0, offset: 2 }, earliest: 4, end: 10 });
      await expect(log.read({ topic, partition: 0, offset: 3 })).rejects.toBeInstanceOf(PositionGone);
      expect(values(await follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 4]]) }, atEnd))).toEqual(['4', '5', '6', '7', '8', '9']);
    });

    it('says when all that was there is gone, also when nothing new comes', async () => {
      const topic = await newTopic({ partitions: 1 });
      await append(record(topic, 'a'), record(topic, 'b'));
      await engine.expire(log, topic, 0, 2);
      await expect(follow({ topics: [topic] }, () => false)).rejects.toBeInstanceOf(PositionGone);
      await append(record(topic, 'c'));
      await expect(follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 1]]) }, () => false)).rejects.toBeInstanceOf(PositionGone);
    });

    it('says when the position lies beyond the end: this is not the log that it came from', async () => {
      const topic = await newTopic({ partitions: 1 });
      await append(record(topic, 'a'));
      await expect(follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 9]]) }, () => false)).rejects.toThrow(/has no offset 9: it ends at 1/);
      await expect(log.read({ topic, partition: 0, offset: 9 })).rejects.toBeInstanceOf(PositionGone);
    });

    it('gives everything to each of two followers', async () => {
      const topic = await newTopic();
      const other = await engine.open();
      try {
        const everything = (records: readonly StoredRecord[]): boolean => records.length === 40;
        const [mine, theirs] = [follow({ topics: [topic] }, everything), follow({ topics: [topic] }, everything, other)];
        for (let batch = 0; batch < 4; batch += 1) await append(...Array.from({ length: 10 }, (_, index) => record(topic, `key-${batch}-${index}`)));
        const keys = (records: readonly StoredRecord[]): string[] => records.map(({ key }) => key).sort();
        expect(keys(await mine)).toEqual(keys(await theirs));
        expect(new Set(keys(await mine)).size).toBe(40);
      } finally {
        await other.close();
      }
    });

    it('takes from two writers at once, and gives each position once', async () => {
      const topic = await newTopic({ partitions: 2 });
      const other = await engine.open();
      try {
        await other.createTopics([{ name: topic, partitions: 2, cleanup: 'delete', retention_ms: null, max_record_bytes: 1024 * 1024 }]);
        const write = async (by: Log, writer: string): Promise<void> => {
          for (let batch = 0; batch < 15; batch += 1) {
            const results = await by.append(
              [0, 1, 2].map((index) => record(topic, `${writer}-${index}`, `${writer}-${index}-${batch}`)),
              { timeout_ms: 10_000 },
            );
            for (const result of results) if (result.outcome !== 'stored') fail(result);
          }
        };
        await Promise.all([write(log, 'one'), write(other, 'two')]);
        const stored = await follow({ topics: [topic] }, (records) => records.length >= 90);
        expect(new Set(stored.map(({ position }) => `${position.partition}/${position.offset}`)).size).toBe(90);
        for (const [name, end] of await log.ends([topic])) expect(stored.filter(({ position }) => partitionKey(topic, position.partition) === name)).toHaveLength(end);
        for (const key of ['one-0', 'two-2']) expect(values(stored.filter((one) => one.key === key))).toEqual(Array.from({ length: 15 }, (_, batch) => `${key}-${batch}`));
      } finally {
        await other.close();
      }
    });

    it('reads one record by its position, and nothing at the end', async () => {
      const topic = await newTopic({ partitions: 1 });
      await append(record(topic, 'a', '1'), record(topic, 'b', '2'));
      expect(values([(await log.read({ topic, partition: 0, offset: 1 }))!])).toEqual(['2']);
      expect(await log.read({ topic, partition: 0, offset: 2 })).toBeUndefined();
    });

    it('knows the ends', async () => {
      const topic = await newTopic({ partitions: 2 });
      expect([...(await log.ends([topic]))].sort()).toEqual([
        [partitionKey(topic, 0), 0],
        [partitionKey(topic, 1), 0],
      ]);
      const { partition } = (await append(record(topic, 'a'), record(topic, 'a')))[0]!;
      expect((await log.ends([topic])).get(partitionKey(topic, partition))).toBe(2);
      await expect(log.ends([`${suite}.nowhere`])).rejects.toBeInstanceOf(UnknownTopic);
    });

    it('reads a state: the last record of each key, without those that were removed', async () => {
      const topic = await newTopic({ partitions: 2, cleanup: 'compact' });
      expect((await log.readState(topic)).records).toEqual([]);
      await append(record(topic, 'a', '1'), record(topic, 'b', '1'), record(topic, 'a', '2'), record(topic, 'c', '1'), record(topic, 'b', null));
      const { records, next } = await log.readState(topic);
      expect(records.map(({ key, value }) => [key, String(Buffer.from(value!))]).sort()).toEqual([
        ['a', '2'],
        ['c', '1'],
      ]);
      expect([...next].sort()).toEqual([...(await log.ends([topic]))].sort());
      await append(record(topic, 'd'));
      expect((await follow({ topics: [topic], from: next }, (more) => more.length > 0)).map(({ key }) => key)).toEqual(['d']);
    });

    (engine.compact ? it : it.skip)('reads the same state after compaction, and passes what is no more there', async () => {
      const topic = await newTopic({ partitions: 1, cleanup: 'compact' });
      for (let round = 0; round < 5; round += 1) await append(record(topic, 'a', `a${round}`), record(topic, 'b', round === 4 ? null : `b${round}`));
      const before = await log.readState(topic);
      await engine.compact!(log, topic);
      const left = await follow({ topics: [topic] }, atEnd);
      expect(left.length).toBeLessThan(10);
      const after = await log.readState(topic);
      expect(values(after.records)).toEqual(values(before.records));
      expect([...after.next]).toEqual([...before.next]);
      expect(await log.read({ topic, partition: 0, offset: 0 })).toBeUndefined();
      expect(values(await follow({ topics: [topic], from: new Map([[partitionKey(topic, 0), 1]]) }, atEnd))).toContain('a4');
    });

    it('refuses the records that no engine could take, and stores the others', async () => {
      const topic = await newTopic({ partitions: 1, max_record_bytes: 2 * 1024 * 1024 });
      const limit = 2 * 1024 * 1024;
      const batch = [
        record(topic, 'a', 'kept'),
        record(`${suite}.nowhere`, 'a'),
        record(topic, 'a', 'x'.repeat(limit + 1)),
        record(topic, 'a', null),
        record(topic, 'nul\0'),
        record(topic, 'half \ud800'),
        record(topic, 'a', 'kept too'),
      ];
      const results = await log.append(batch, { timeout_ms: 10_000 });
      expect(results.map(({ outcome }) => outcome)).toEqual(['stored', 'refused', 'refused', 'refused', 'refused', 'refused', 'stored']);
      for (const [index, one] of batch.entries()) expect(log.unfit(one) === undefined).toBe(results[index]!.outcome === 'stored');
      expect((results[1] as { error: Error }).error).toBeInstanceOf(UnknownTopic);
      for (const result of results) if (result.outcome === 'refused') expect(result.transient).toBe(false);
      expect(values(await follow({ topics: [topic] }, atEnd))).toEqual(['kept', 'kept too']);
    });

    it('takes a record as large as its topic allows', async () => {
      const topic = await newTopic({ partitions: 1, max_record_bytes: 3 * 1024 * 1024 });
      const value = 'y'.repeat(3 * 1024 * 1024);
      await append(record(topic, 'large', value), record(topic, 'small', 's'));
      expect((await follow({ topics: [topic] }, (records) => records.length === 2)).map((one) => one.value!.length)).toEqual([value.length, 1]);
    });

    it('creates topics once, and reports each difference instead of changing it', async () => {
      const topic = await newTopic({ partitions: 2 });
      const declaration: TopicDeclaration = { name: topic, partitions: 2, cleanup: 'delete', retention_ms: null, max_record_bytes: 1024 * 1024 };
      expect(await log.createTopics([declaration])).toEqual([]);
      const [difference] = await log.createTopics([{ ...declaration, partitions: 5 }]);
      expect(difference).toBe(`topic ${topic}: partitions is 2, and 5 was asked for`);
      expect((await log.ends([topic])).size).toBe(2);
    });

    it('says that a topic does not exist instead of making it', async () => {
      await expect(follow({ topics: [`${suite}.nowhere`] }, () => false)).rejects.toBeInstanceOf(UnknownTopic);
      expect(() => log.partitionOf(`${suite}.nowhere`, 'a')).toThrow(UnknownTopic);
    });

    it('ends an iteration at once when it is told to', async () => {
      const topic = await newTopic();
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 300);
      const started = performance.now();
      for await (const batch of log.follow({ topics: [topic], from: new Map(), signal: stop.signal, idle_ms: 60_000 })) expect(batch.records).toEqual([]);
      expect(performance.now() - started).toBeLessThan(patience_ms);
      for await (const batch of log.follow({ topics: [topic], from: new Map(), signal: stop.signal })) throw new Error(`a batch after the end: ${batch.records.length}`);
    });

    it('answers a ping', async () => {
      await log.ping(patience_ms);
    });
  });
}
