import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { callFailed } from '@customhouse/events/call/events';
import { approvalPublished } from '@customhouse/events/approval/events';
import { canonicalise } from '@customhouse/kernel/canonical';
import { decode } from './decode.js';
import { EventWriter, type EventWriterOptions } from './event-writer.js';
import { MemoryLog } from './memory.js';
import type { AppendResult, LogRecord } from './port.js';
import { LogIndeterminate, LogRefused, type NewEvent } from './sink.js';
import { Spool } from './spool/spool.js';
import type { StoredEvent } from './stored-event.js';
import { systemTopics } from './topics.js';
import { hashOf } from './writer/draft.js';

const error = new Error('as the test wants it');
const transient: AppendResult = { outcome: 'refused', transient: true, error };
const refused: AppendResult = { outcome: 'refused', transient: false, error };
const indeterminate: AppendResult = { outcome: 'indeterminate', error };

type Script = (batch: readonly LogRecord[], store: () => Promise<readonly AppendResult[]>) => Promise<readonly AppendResult[]>;

/** A log that fails as it is told, one script for each append, and works otherwise. */
class ScriptedLog extends MemoryLog {
  readonly batches: (readonly LogRecord[])[] = [];
  readonly scripts: Script[] = [];
  always: Script | undefined;

  constructor() {
    super(systemTopics());
  }

  override append(batch: readonly LogRecord[]): Promise<readonly AppendResult[]> {
    this.batches.push(batch);
    const script = this.scripts.shift() ?? this.always ?? ((_, store) => store());
    return script(batch, () => super.append(batch));
  }

  /** Everything in these topics, in order of partitions. */
  async events(...topics: string[]): Promise<StoredEvent[]> {
    const stop = new AbortController();
    const events: StoredEvent[] = [];
    for await (const batch of this.follow({
      topics: topics.length > 0 ? topics : ['customhouse.calls', 'customhouse.sources'],
      from: new Map(),
      signal: stop.signal,
      idle_ms: 1,
    })) {
      events.push(...batch.records.map(decode));
      if (batch.records.length === 0) break;
    }
    stop.abort();
    return events;
  }
}

/** All records get one result, without being stored. */
const answer =
  (result: AppendResult): Script =>
  (batch) =>
    Promise.resolve(batch.map(() => result));
const hang: Script = () => new Promise(() => undefined);

function failedCall(reason: string, more: Partial<NewEvent> = {}): NewEvent<typeof callFailed> {
  return {
    declaration: callFailed,
    subject: 'call-1',
    key: 'session-1',
    data: { call: '01ARZ3NDEKTSV4RRFFQ69G5FAV', reason, message: '', result: null, upstream_ms: 1 },
    ...(more as object),
  };
}

const reasons = (events: readonly StoredEvent[]): string[] => events.filter(({ type }) => type === 'call.failed').map(({ data }) => (data as { reason: string }).reason);
const sources = (events: readonly StoredEvent[]): StoredEvent[] => events.filter(({ type }) => type.startsWith('source.'));

describe('the writer', () => {
  const log = { current: new ScriptedLog() };
  const writers: EventWriter[] = [];
  const problems: string[] = [];

  async function newWriter(options: Partial<EventWriterOptions> = {}): Promise<EventWriter> {
    const writer = new EventWriter({
      log: log.current,
      service: 'ingress',
      instance: 'one',
      timeout_ms: 300,
      heartbeat_ms: 60_000,
      onProblem: (problem) => problems.push(problem),
      ...options,
    });
    writers.push(writer);
    await writer.start();
    return writer;
  }

  afterEach(async () => {
    log.current.always = undefined;
    log.current.scripts.length = 0;
    await Promise.all(writers.splice(0).map((writer) => writer.close()));
    log.current = new ScriptedLog();
    problems.length = 0;
  });

  describe('batches', () => {
    it('gives what is appended at once one batch, in its order', async () => {
      const writer = await newWriter();
      const recorded = await Promise.all(['a', 'b', 'c'].map((reason) => writer.append(failedCall(reason))));
      expect(log.current.batches.map((batch) => batch.length)).toEqual([1, 3]);
      expect(recorded.map(({ sequence }) => sequence)).toEqual([2, 3, 4]);
      expect(reasons(await log.current.events())).toEqual(['a', 'b', 'c']);
    });

    it('makes the next batch of all that queued while one was in flight', async () => {
      const writer = await newWriter();
      log.current.scripts.push(async (_, store) => {
        await sleep(50);
        return store();
      });
      const first = writer.append(failedCall('0'));
      await sleep(10);
      const rest: Promise<unknown>[] = [];
      for (let index = 1; index <= 20; index += 1) {
        rest.push(writer.append(failedCall(String(index))));
        await new Promise(setImmediate);
      }
      await Promise.all([first, ...rest]);
      expect(log.current.batches.slice(1).map((batch) => batch.length)).toEqual([1, 20]);
    });

    it('keeps a batch within its limits, and sends one event that is larger alone', async () => {
      const writer = await newWriter({ limits: { batch_bytes: 5000, batch_records: 3 } });
      const large = failedCall('large', { data: { ...failedCall('').data, message: 'x'.repeat(20_000) } });
      await Promise.all([...['a', 'b', 'c', 'd'].map((reason) => writer.append(failedCall(reason))), writer.append(large), writer.append(failedCall('e'))]);
      expect(log.current.batches.slice(1).map((batch) => batch.length)).toEqual([3, 1, 1, 1]);
    });
  });

  describe('events', () => {
    it('are canonical JSON, whatever is in them', async () => {
      const writer = await newWriter();
      await writer.append(
        failedCall('"quotes" \\ ü \u2028 \ud83d\ude00', { subject: 'call-"\\ü', cause: '01ARZ3NDEKTSV4RRFFQ69G5FAV', traceparent: '00-"-01', time: 1_795_000_000_123 }),
      );
      await writer.append({ declaration: approvalPublished, subject: 'approval-1', key: 'a', data: {} as never });
      const events = await log.current.events('customhouse.calls', 'customhouse.sources', 'customhouse.state.approvals');
      expect(events).toHaveLength(3);
      for (const { envelope, bytes } of events) expect(Buffer.from(bytes).toString()).toBe(canonicalise(envelope));
      expect(events[0]!.envelope).toMatchObject({
        causationid: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
        subject: 'call-"\\ü',
        time: '2026-11-18T11:06:40.123Z',
        source: 'customhouse/ingress/one',
        type: 'customhouse.call.failed.v1',
      });
    });

    it('name their kind in the headers, so that a reader need not parse', async () => {
      const writer = await newWriter();
      const { id } = await writer.append(failedCall('a', { id: '01BX5ZZKBKACTAV9WEVGEMMVS0' }));
      expect(id).toBe('01BX5ZZKBKACTAV9WEVGEMMVS0');
      expect(log.current.batches.at(-1)![0]!.headers).toEqual({
        'content-type': 'application/cloudevents+json; charset=UTF-8',
        ce_id: id,
        ce_type: 'customhouse.call.failed.v1',
        ce_source: 'customhouse/ingress/one',
      });
    });

    it('are chained over all topics of facts, and not on topics of states', async () => {
      const writer = await newWriter();
      await writer.append(failedCall('a'));
      const published = await writer.append({ declaration: approvalPublished, subject: 'approval-1', key: 'a', data: {} as never });
      await writer.append(failedCall('b'));
      expect(published.sequence).toBeUndefined();
      const chain = (await log.current.events()).sort((a, b) => a.envelope.sequence!.localeCompare(b.envelope.sequence!));
      expect(chain.map(({ envelope }) => envelope.sequence)).toEqual(['0000000000000001', '0000000000000002', '0000000000000003']);
      expect(chain.map(({ envelope }) => envelope.previoushash)).toEqual(['', hashOf(chain[0]!.bytes), hashOf(chain[1]!.bytes)]);
      const [state] = await log.current.events('customhouse.state.approvals');
      expect(state!.envelope).not.toHaveProperty('epoch');
    });

    it('that JSON cannot hold are refused, and harm no other', async () => {
      const writer = await newWriter();
      const bad = failedCall('bad', { data: { upstream_ms: Number.NaN } as never });
      const results = await Promise.allSettled([writer.append(bad), writer.append(failedCall('good')), writer.appendAll([failedCall('x'), bad]), writer.appendOrSpool(bad)]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'rejected']);
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(LogRefused);
    });

    it('that no log would take are refused alone, and leave no gap in the chain', async () => {
      // Making 9 MB canonical takes its time on a busy machine.
      const writer = await newWriter({ timeout_ms: 10_000 });
      const large = failedCall('large', { data: { ...failedCall('').data, message: 'x'.repeat(9_000_000) } });
      const results = await Promise.allSettled([
        writer.append(failedCall('a')),
        writer.append(large),
        writer.append(failedCall('nul', { key: 'a\0b' })),
        writer.appendAll([failedCall('pair'), large]),
        writer.append(failedCall('b')),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
      expect(reasons(await log.current.events())).toEqual(['a', 'b']);
      expect((results[4] as { value: { sequence: number } }).value.sequence).toBe(3);
      expect(writer.writable).toBe(true);
    });
  });

  describe('a batch that is refused', () => {
    it('for now is tried again within the deadline, in its order and in the same chain', async () => {
      const writer = await newWriter({ timeout_ms: 2000 });
      const { epoch } = writer;
      log.current.scripts.push(answer(transient), answer(transient));
      const recorded = await Promise.all(['a', 'b'].map((reason) => writer.append(failedCall(reason))));
      expect(writer.epoch).toBe(epoch);
      const events = await log.current.events();
      expect(reasons(events)).toEqual(['a', 'b']);
      expect(recorded.map(({ sequence }) => sequence)).toEqual([3, 4]);
      expect(sources(events).map(({ type }) => type)).toEqual(['source.started', 'source.heartbeat']);
    });

    it('for good is told to its callers, and the others go on at once', async () => {
      const writer = await newWriter();
      log.current.scripts.push(answer(refused));
      await expect(writer.append(failedCall('a'))).rejects.toBeInstanceOf(LogRefused);
      expect(writer.writable).toBe(true);
      expect((await writer.append(failedCall('b'))).sequence).toBe(2);
    });

    it('until the deadline is refused with the reason', async () => {
      const writer = await newWriter();
      log.current.always = answer(transient);
      const started = performance.now();
      await expect(writer.append(failedCall('a'))).rejects.toThrow(/not written within 300 ms: as the test wants it/);
      expect(performance.now() - started).toBeLessThan(600);
      expect(writer.writable).toBe(false);
      expect(writer.problem).toBe('as the test wants it');
    });

    it('is not tried at full speed', async () => {
      const writer = await newWriter();
      log.current.always = answer(transient);
      await writer.append(failedCall('a')).catch(() => undefined);
      await sleep(1000);
      expect(log.current.batches.length).toBeLessThan(12);
      expect(problems).toHaveLength(1);
    });
  });

  describe('a batch of unknown fate', () => {
    it('ends the epoch, and the next one says what is known', async () => {
      const writer = await newWriter();
      await writer.append(failedCall('a'));
      const first = writer.epoch;
      log.current.scripts.push(async (batch, store) => {
        await store();
        return batch.map(() => indeterminate);
      });
      const results = await Promise.allSettled([writer.append(failedCall('b')), writer.append(failedCall('c'))]);
      for (const result of results) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(LogIndeterminate);
      const after = await writer.append(failedCall('d'));
      expect(after.sequence).toBe(2);
      expect(Number(writer.epoch)).toBeGreaterThan(Number(first));
      const started = sources(await log.current.events()).at(-1)!;
      expect(started.data).toEqual({
        service: 'ingress',
        instance: 'one',
        epoch: writer.epoch,
        reason: 'indeterminate',
        previous: { epoch: first, acknowledged: 2, attempted: 4 },
      });
      expect(started.envelope).toMatchObject({ sequence: '0000000000000001', previoushash: '' });
    });

    it('that was stored in part ends the epoch as well', async () => {
      const writer = await newWriter();
      const first = writer.epoch;
      log.current.scripts.push(async (_, store) => {
        const results = await store();
        return results.map((result, index) => (index === 1 ? refused : result));
      });
      const results = await Promise.allSettled(['a', 'b', 'c'].map((reason) => writer.append(failedCall(reason))));
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      await writer.append(failedCall('d'));
      expect(sources(await log.current.events()).at(-1)!.data).toMatchObject({ reason: 'refused', previous: { epoch: first, acknowledged: 2, attempted: 4 } });
    });

    it('several times in a row: the epoch that opens at last speaks of the last one that held', async () => {
      const writer = await newWriter({ timeout_ms: 3000 });
      const first = writer.epoch;
      log.current.scripts.push(answer(indeterminate), answer(indeterminate), answer(indeterminate));
      await writer.append(failedCall('a')).catch(() => undefined);
      await writer.append(failedCall('b'));
      expect(sources(await log.current.events()).map(({ data }) => data)).toMatchObject([
        { reason: 'start', previous: null },
        { reason: 'indeterminate', previous: { epoch: first, acknowledged: 1, attempted: 2 } },
      ]);
    });

    it('holds nobody longer than the deadline: what was sent is uncertain, what waited is refused', async () => {
      const writer = await newWriter();
      log.current.always = hang;
      const started = performance.now();
      const sent = writer.append(failedCall('a')).catch((failure: unknown) => failure);
      await sleep(30);
      const waiting = writer.append(failedCall('b'), { timeout_ms: 150 }).catch((failure: unknown) => failure);
      expect(await waiting).toBeInstanceOf(LogRefused);
      expect(performance.now() - started).toBeLessThan(450);
      expect(await sent).toBeInstanceOf(LogIndeterminate);
      expect(performance.now() - started).toBeLessThan(700);
    });

    it('where the log throws against its promise', async () => {
      const writer = await newWriter();
      log.current.scripts.push(() => Promise.reject(new Error('a bug')));
      await expect(writer.append(failedCall('a'))).rejects.toBeInstanceOf(LogIndeterminate);
      expect((await writer.append(failedCall('b'))).sequence).toBe(2);
    });
  });

  describe('limits', () => {
    it('refuses at once when too many bytes wait', async () => {
      const writer = await newWriter({ limits: { queue_bytes: 3000 } });
      log.current.scripts.push(hang);
      const waiting = Array.from({ length: 6 }, (_, index) => writer.append(failedCall(String(index))).catch((failure: Error) => failure.message));
      await new Promise(setImmediate);
      const more = Array.from({ length: 6 }, (_, index) => writer.append(failedCall(String(index))).catch((failure: Error) => failure.message));
      expect(await more.at(-1)).toMatch(/bytes wait for the log already/);
      expect(writer.writable).toBe(false);
      await Promise.all([...waiting, ...more]);
    });

    it('refuses at once when the oldest has waited too long', async () => {
      const writer = await newWriter({ limits: { queue_age_ms: 50 } });
      log.current.scripts.push(hang);
      void writer.append(failedCall('in flight')).catch(() => undefined);
      await sleep(20);
      void writer.append(failedCall('oldest')).catch(() => undefined);
      await sleep(100);
      expect(writer.writable).toBe(false);
      await expect(writer.append(failedCall('late'))).rejects.toThrow(/has waited for the log for/);
    });

    it('refuses more events in one call than a batch may hold', async () => {
      const writer = await newWriter({ limits: { batch_records: 3 } });
      await expect(writer.appendAll(Array.from({ length: 4 }, () => failedCall('x')))).rejects.toThrow(/too many for one batch/);
      expect(await writer.appendAll([])).toEqual([]);
    });
  });

  describe('several in one call', () => {
    it('are stored in order', async () => {
      const writer = await newWriter();
      const recorded = await writer.appendAll(['a', 'b'].map((reason) => failedCall(reason)));
      expect(recorded.map(({ sequence }) => sequence)).toEqual([2, 3]);
    });

    it('are not called refused when one of them is stored', async () => {
      const writer = await newWriter();
      log.current.scripts.push(async (_, store) => [...(await store()).slice(0, 1), refused]);
      await expect(writer.appendAll([failedCall('a'), failedCall('b')])).rejects.toBeInstanceOf(LogIndeterminate);
    });

    it('may be records that are no events, and removals', async () => {
      const writer = await newWriter();
      const record = { topic: 'customhouse.audit.ocsf', key: 'a', value: Buffer.from('{}'), headers: { kind: 'ocsf' } };
      expect(await writer.appendRaw([record, record])).toMatchObject([{ offset: 0 }, { offset: 1 }]);
      await writer.remove('customhouse.state.approvals', 'a');
      expect(log.current.batches.at(-1)).toEqual([{ topic: 'customhouse.state.approvals', key: 'a', value: null, headers: {} }]);
      await expect(writer.remove('customhouse.calls', 'a')).rejects.toBeInstanceOf(LogRefused);
    });
  });

  describe('its own life', () => {
    it('begins when the log takes its first event, however long that takes', async () => {
      log.current.scripts.push(answer(transient), answer(indeterminate), answer(transient));
      const writer = await newWriter();
      expect(writer.writable).toBe(true);
      expect(sources(await log.current.events()).map(({ data }) => data)).toEqual([{ service: 'ingress', instance: 'one', epoch: writer.epoch, reason: 'start', previous: null }]);
    });

    it('shows itself by heartbeats that carry their own sequence', async () => {
      const writer = await newWriter({ heartbeat_ms: 30 });
      await sleep(120);
      await writer.close();
      const beats = sources(await log.current.events()).filter(({ type }) => type === 'source.heartbeat');
      expect(beats.length).toBeGreaterThan(1);
      for (const { data, envelope } of beats) expect(data).toEqual({ service: 'ingress', instance: 'one', epoch: writer.epoch, sequence: Number(envelope.sequence) });
    });

    it('ends with what waited, and then with the last of its chain', async () => {
      const writer = await newWriter();
      const waiting = writer.append(failedCall('last'));
      await writer.close();
      await waiting;
      const last = (await log.current.events()).sort((a, b) => a.envelope.sequence!.localeCompare(b.envelope.sequence!)).at(-1)!;
      expect(last.type).toBe('source.closed');
      expect(last.data).toMatchObject({ sequence: 3 });
      await expect(writer.append(failedCall('late'))).rejects.toBeInstanceOf(LogRefused);
      expect(writer.writable).toBe(false);
    });

    it('ends also when the log hangs', async () => {
      const writer = await newWriter();
      log.current.always = hang;
      const stuck = writer.append(failedCall('stuck')).catch((failure: unknown) => failure);
      const started = performance.now();
      await writer.close();
      expect(performance.now() - started).toBeLessThan(800);
      expect(await stuck).toBeInstanceOf(LogIndeterminate);
    });

    it('has a later epoch than the one it is told of, whatever the clock says', async () => {
      const future = Date.now() + 3_600_000;
      const writer = await newWriter({ epochFloor: future });
      expect(Number(writer.epoch)).toBe(future + 1);
    });
  });

  describe('outcomes that must not be lost', () => {
    const folders: string[] = [];
    const spools: Spool[] = [];

    async function newSpool(max_bytes?: number, folder?: string): Promise<Spool> {
      if (folder === undefined) folders.push((folder = await mkdtemp(join(tmpdir(), 'spool-'))));
      const spool = await Spool.open({ folder, max_bytes });
      spools.push(spool);
      return spool;
    }

    afterEach(async () => {
      await Promise.all(writers.splice(0).map((writer) => writer.close()));
      for (const spool of spools.splice(0)) await spool.close();
      for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
    });

    it('go to the log while it works', async () => {
      const writer = await newWriter({ spool: await newSpool() });
      expect(await writer.appendOrSpool(failedCall('a'))).toMatchObject({ where: 'log', recorded: { sequence: 2 } });
    });

    it('go to the spool while it does not, and from there to the log before anything new', async () => {
      const spool = await newSpool();
      const writer = await newWriter({ spool });
      log.current.always = answer(transient);
      expect(await writer.appendOrSpool(failedCall('a'), { timeout_ms: 100 })).toMatchObject({ where: 'spool' });
      const started = performance.now();
      const second = await writer.appendOrSpool(failedCall('b'));
      expect(second.where).toBe('spool');
      expect(performance.now() - started).toBeLessThan(100);
      expect(writer.writable).toBe(false);
      expect(writer.backlog).toMatchObject({ spooled: 2 });
      log.current.always = undefined;
      await writer.append(failedCall('c'), { timeout_ms: 3000 });
      expect(spool.waiting).toBe(0);
      expect(writer.writable).toBe(true);
      expect(reasons(await log.current.events())).toEqual(['a', 'b', 'c']);
    });

    it('keep their id, so that the log may hold them twice and nobody counts them twice', async () => {
      const writer = await newWriter({ spool: await newSpool() });
      log.current.scripts.push(async (batch, store) => {
        await store();
        return batch.map(() => indeterminate);
      });
      const kept = await writer.appendOrSpool(failedCall('a'));
      expect(kept.where).toBe('spool');
      while (!writer.writable) await sleep(10);
      const events = (await log.current.events()).filter(({ type }) => type === 'call.failed');
      expect(events.map(({ id }) => id)).toEqual([(kept as { id: string }).id, (kept as { id: string }).id]);
    });

    it('wait over the end of the process, and go first at the next start', async () => {
      const spool = await newSpool();
      const writer = await newWriter({ spool });
      log.current.always = answer(transient);
      for (const reason of ['a', 'b']) await writer.appendOrSpool(failedCall(reason), { timeout_ms: 50 });
      await writer.close();
      await spool.close();
      log.current.always = undefined;
      const next = await newWriter({ instance: 'two', spool: await newSpool(undefined, folders[0]) });
      await next.append(failedCall('c'));
      const events = await log.current.events();
      expect(reasons(events)).toEqual(['a', 'b', 'c']);
      expect(events.filter(({ type }) => type === 'call.failed').map(({ envelope }) => envelope.instance)).toEqual(['two', 'two', 'two']);
    });

    it('stop new calls when the spool is nearly full, and are refused when it is', async () => {
      const spool = await newSpool(2000);
      const writer = await newWriter({ spool });
      log.current.always = answer(transient);
      const kept = [];
      for (let index = 0; index < 12; index += 1) kept.push(await writer.appendOrSpool(failedCall(String(index)), { timeout_ms: 30 }).catch((failure: Error) => failure.name));
      expect(kept[0]).toMatchObject({ where: 'spool' });
      expect(kept.at(-1)).toBe('SpoolRefused');
      expect(spool.accepting).toBe(false);
    });

    it('are not spooled when no log would ever take them', async () => {
      const spool = await newSpool();
      const writer = await newWriter({ spool });
      await expect(writer.appendOrSpool(failedCall('a', { key: 'nul\0' }))).rejects.toBeInstanceOf(LogRefused);
      expect(spool.waiting).toBe(0);
    });

    it('are set aside, not dropped, when this version cannot read what another has spooled', async () => {
      const spool = await newSpool();
      await spool.append(Buffer.from('{"from":"another version"}'));
      const writer = await newWriter({ spool });
      expect(writer.writable).toBe(true);
      expect(problems).toContain('a record in the spool cannot be understood and is kept aside');
    });
  });
});
