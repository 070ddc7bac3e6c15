import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventWriter, type EventWriterOptions } from '@customhouse/event-log/event-writer';
import { partitionKey, type EventLog, type LogRecord, type StoredRecord } from '@customhouse/event-log/port';
import { Spool } from '@customhouse/event-log/spool/spool';
import { systemTopics } from '@customhouse/event-log/topics';
import type { OwnEngine } from '@customhouse/test-engines/own-engine';
import type { Log } from './conformance.js';
import { callEvent, History, readWhole, verifyChains } from './history.js';
import type { ProxyMode, TcpProxy } from './tcp-proxy.js';

/** An engine of one's own that can be mistreated. */
export interface FaultyEngine {
  readonly engine: OwnEngine;
  readonly proxy: TcpProxy;
  open(way: 'direct' | 'proxied'): Promise<Log>;
  /** From now on records of more than 300 bytes are refused in this topic, and clients do not know it. */
  narrow(topic: string): Promise<void>;
}

const timeout_ms = 2000;
/** What a busy machine adds to a deadline. */
const slack_ms = 1500;

/** What every engine promises while it fails. */
export function faults(name: string, setUp: () => Promise<FaultyEngine>): void {
  describe(`the log on ${name}, failing`, () => {
    let faulty: FaultyEngine;
    let log: Log;
    let number = 0;
    const writers: EventWriter[] = [];
    const problems: string[] = [];

    beforeAll(async () => {
      faulty = await setUp();
      log = await faulty.open('direct');
      await log.createTopics(systemTopics());
    });
    afterEach(async () => {
      faulty.proxy.mode = 'pass';
      for (const writer of writers.splice(0)) await writer.close();
    });
    afterAll(async () => {
      await log.close();
      await faulty.proxy.stop();
      await faulty.engine.remove();
    });

    async function newWriter(on: EventLog, options: Partial<EventWriterOptions> = {}): Promise<EventWriter> {
      const writer = new EventWriter({
        log: on,
        service: 'ingress',
        instance: `writer-${(number += 1)}`,
        timeout_ms,
        heartbeat_ms: 500,
        onProblem: (problem) => problems.push(problem),
        ...options,
      });
      writers.push(writer);
      await writer.start();
      return writer;
    }

    async function untilWritable(writer: EventWriter): Promise<void> {
      const deadline = performance.now() + 90_000;
      while (!writer.writable) {
        if (performance.now() > deadline) throw new Error(`not writable again: ${writer.problem}`);
        await sleep(50);
      }
    }

    /** Follows from the present end until it is stopped. */
    async function followNow(): Promise<{ stop(): Promise<readonly StoredRecord[]>; readonly from: ReadonlyMap<string, number> }> {
      const topics = ['customhouse.calls'];
      const from = await log.ends(topics);
      const seen: StoredRecord[] = [];
      const stop = new AbortController();
      const running = (async () => {
        for await (const batch of log.follow({ topics, from, signal: stop.signal, idle_ms: 200 })) seen.push(...batch.records);
      })();
      return {
        from,
        stop: async () => {
          const ends = await log.ends(topics);
          const deadline = performance.now() + 60_000;
          while (
            ![...ends].every(
              ([name, end]) =>
                from.get(name) === end || seen.some((record) => partitionKey(record.topic, record.position.partition) === name && record.position.offset === end - 1),
            )
          ) {
            if (performance.now() > deadline) throw new Error('the follower did not reach the end');
            await sleep(50);
          }
          stop.abort();
          await running;
          return seen;
        },
      };
    }

    /** Load, trouble, recovery, more load; then everything is compared with what was acknowledged. */
    async function throughTrouble(trouble: () => Promise<void>): Promise<History> {
      const writer = await newWriter(log);
      const history = new History(writer);
      const follower = await followNow();
      const load = history.load(12);
      await sleep(1000);
      const before = history.count('stored');
      expect(before).toBeGreaterThan(0);
      await trouble();
      await untilWritable(writer);
      const after = history.count('stored');
      await sleep(1500);
      await load.stop();
      expect(history.count('stored')).toBeGreaterThan(after);
      await writer.close();
      verifyChains(await history.compare(log), { closed: true });
      const followed = await follower.stop();
      const whole = (await readWhole(log, ['customhouse.calls'])).filter(
        (record) => record.position.offset >= follower.from.get(partitionKey(record.topic, record.position.partition))!,
      );
      const order = (records: readonly StoredRecord[], partition: number): number[] =>
        records.filter(({ position }) => position.partition === partition).map(({ position }) => position.offset);
      for (let partition = 0; partition < 6; partition += 1) expect(order(followed, partition)).toEqual(order(whole, partition));
      return history;
    }

    it('loses nothing that it acknowledged when it restarts in order', async () => {
      await throughTrouble(() => faulty.engine.restart() as Promise<void>);
    });

    it('loses nothing that it acknowledged when it is killed', async () => {
      await throughTrouble(async () => {
        await faulty.engine.kill();
        await sleep(500);
        await faulty.engine.start();
      });
    });

    it('answers every caller within the deadline while it hangs, and loses nothing', async () => {
      const history = await throughTrouble(async () => {
        await faulty.engine.pause();
        await sleep(5000);
        await faulty.engine.unpause();
      });
      expect(Math.max(...[...history.outcomes.values()].map(({ took_ms }) => took_ms))).toBeLessThan(timeout_ms + slack_ms);
      expect(history.count('refused') + history.count('indeterminate')).toBeGreaterThan(0);
    });

    it('refuses for certain and within the deadline while it is away, and writes again when it is back', async () => {
      const writer = await newWriter(log);
      const history = new History(writer);
      await history.write('a', 0);
      await faulty.engine.kill();
      await history.write('a', 1);
      while (writer.writable) await sleep(20);
      const late = await Promise.all(Array.from({ length: 20 }, (_, index) => history.write('a', 2 + index, 200, 700)));
      expect(late.map(({ kind }) => kind)).toEqual(Array.from({ length: 20 }, () => 'refused'));
      expect(writer.problem).toBeDefined();
      await faulty.engine.start();
      await untilWritable(writer);
      for (const { took_ms } of [...history.outcomes.values()].slice(2)) expect(took_ms).toBeLessThan(700 + slack_ms);
      expect((await history.write('a', 99)).kind).toBe('stored');
      await writer.close();
      verifyChains(await history.compare(log), { closed: true });
    });

    it.each<ProxyMode>(['cut-answers', 'drop-answers'])('is not fooled by batches of one size after an answer was lost (%s)', async (mode) => {
      const proxied = await faulty.open('proxied');
      try {
        const writer = await newWriter(proxied);
        const history = new History(writer);
        for (let round = 0; round < 4; round += 1) {
          await untilWritable(writer);
          expect((await history.write('same-size', round * 10, 500)).kind).toBe('stored');
          faulty.proxy.mode = mode;
          expect((await history.write('same-size', round * 10 + 1, 500)).kind).not.toBe('stored');
          faulty.proxy.mode = 'pass';
          if (mode === 'drop-answers') faulty.proxy.cutAll();
          await untilWritable(writer);
          for (let next = 2; next < 6; next += 1) await history.write('same-size', round * 10 + next, 500);
        }
        await writer.close();
        const events = await history.compare(log);
        verifyChains(events, { closed: true });
        expect(history.count('stored')).toBeGreaterThanOrEqual(16);
      } finally {
        faulty.proxy.mode = 'pass';
        await proxied.close();
      }
    });

    it('keeps an outcome in the spool while it is away, and ships it first, in order, at most twice', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'spool-'));
      const proxied = await faulty.open('proxied');
      const spool = await Spool.open({ folder });
      try {
        const writer = await newWriter(proxied, { spool, timeout_ms: 1000 });
        faulty.proxy.mode = 'drop-answers';
        const lost = Array.from({ length: 5 }, (_, index) => callEvent('spooled', index));
        const kept = await Promise.all(lost.map((event) => writer.appendOrSpool(event)));
        expect(kept.map(({ where }) => where)).toEqual(lost.map(() => 'spool'));
        expect(writer.writable).toBe(false);
        const later = callEvent('spooled', 5);
        expect((await writer.appendOrSpool(later)).where).toBe('spool');
        faulty.proxy.mode = 'pass';
        faulty.proxy.cutAll();
        await untilWritable(writer);
        expect(spool.waiting).toBe(0);
        const next = callEvent('spooled', 6);
        expect((await writer.appendOrSpool(next)).where).toBe('log');
        await writer.close();
        const ids = [...lost, later, next].map(({ id }) => id);
        const found = (await readWhole(log, ['customhouse.calls'])).map((record) => record.headers['ce_id']!).filter((id) => ids.includes(id));
        expect([...new Set(found)]).toEqual(ids);
        for (const id of ids) expect(found.filter((one) => one === id).length).toBeLessThanOrEqual(2);
      } finally {
        faulty.proxy.mode = 'pass';
        await spool.close();
        await proxied.close();
        await rm(folder, { recursive: true });
      }
    });

    it('tells what became of each partition when one refuses its part of a batch', async () => {
      const topics = ['narrow', 'wide'].map((kind) => `fault-${(number += 1)}.${kind}`);
      await log.createTopics(topics.map((topic) => ({ name: topic, partitions: 1, cleanup: 'delete', retention_ms: null, max_record_bytes: 1024 * 1024 })));
      const record = (topic: string, length: number): LogRecord => ({ topic, key: 'a', value: Buffer.alloc(length, 'x'), headers: {} });
      const [narrow, wide] = topics as [string, string];
      await log.append([record(narrow, 1), record(wide, 1)], { timeout_ms: 5000 });
      await faulty.narrow(narrow);
      // A broker takes a moment to hear of it.
      const refused = async (): Promise<boolean> => (await log.append([record(narrow, 1000)], { timeout_ms: 5000 }))[0]!.outcome === 'refused';
      for (let tries = 0; !(await refused()); tries += 1) if (tries > 100) throw new Error('the topic still takes long records');
      const batch = [record(wide, 2000), record(narrow, 2000), record(wide, 2001), record(narrow, 2001)];
      const results = await log.append(batch, { timeout_ms: 5000 });
      const stored = (await readWhole(log, topics)).map(({ topic, value }) => `${topic} ${value!.length}`);
      expect(stored.filter((one) => one.startsWith(narrow))).not.toEqual(expect.arrayContaining([expect.stringMatching(/ 200[01]$/)]));
      for (const [index, result] of results.entries()) {
        const there = stored.includes(`${batch[index]!.topic} ${batch[index]!.value!.length}`);
        if (result.outcome === 'stored') expect(there).toBe(true);
        if (result.outcome === 'refused') expect(there).toBe(false);
        if (batch[index]!.topic === narrow) expect(result.outcome).not.toBe('stored');
      }
      const alone = await log.append([record(narrow, 3000)], { timeout_ms: 5000 });
      expect(alone).toMatchObject([{ outcome: 'refused', transient: false }]);
      expect(await log.append([record(narrow, 10)], { timeout_ms: 5000 })).toMatchObject([{ outcome: 'stored' }]);
    });

    it('finds the same event twice when it was sent twice, under one id', async () => {
      const writer = await newWriter(log);
      const event = callEvent('twice', 1);
      const [first, second] = [await writer.append(event), await writer.append(event)];
      expect(second.position).not.toEqual(first.position);
      const found = (await readWhole(log, ['customhouse.calls'])).filter((record) => record.headers['ce_id'] === event.id);
      expect(found.map(({ position }) => position)).toEqual([first.position, second.position]);
    });

    it('is written no more when it acknowledges an offset that it has given before', async () => {
      let lie = false;
      const lying: EventLog = new Proxy(log, {
        get: (target, member) => {
          if (member !== 'append') return (target[member as keyof Log] as () => unknown).bind(target);
          return async (...parameters: Parameters<EventLog['append']>) => {
            const results = await target.append(...parameters);
            return lie ? results.map((result) => (result.outcome === 'stored' ? { ...result, position: { ...result.position, offset: 0 } } : result)) : results;
          };
        },
      });
      const writer = await newWriter(lying);
      const history = new History(writer);
      expect((await history.write('a', 0)).kind).toBe('stored');
      lie = true;
      expect((await history.write('a', 1)).kind).toBe('indeterminate');
      lie = false;
      expect(writer.writable).toBe(false);
      expect((await history.write('a', 2)).kind).toBe('refused');
      expect(writer.problem).toMatch(/acknowledged offset 0 after/);
      await history.compare(log);
    });
  });
}
