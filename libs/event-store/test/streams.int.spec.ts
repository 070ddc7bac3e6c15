import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decode } from '@customhouse/event-log/decode';
import { policyDrafted } from '@customhouse/events/policy/events';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { OutboxEntryRefused } from '../src/outbox.js';
import { StreamConflict, Streams } from '../src/streams.js';
import { inTransaction } from '../src/transaction.js';
import { activated, Stage, unlisted } from './stage.js';

const { url } = await testPostgres();
const streams = new Streams();
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(url);
});
afterAll(() => stage.close());

const append = (stream: string, expected: number, ...numbers: number[]) =>
  inTransaction(
    stage.source,
    (tx) =>
      streams.append(
        tx,
        stream,
        expected,
        numbers.map((number) => activated(number, stream)),
      ),
    { attempts: 1 },
  );
const numbersOf = async (stream: string) => (await streams.load(stage.source.manager, stream)).events.map((event) => (event.data as { number: number }).number);

describe('a stream', () => {
  it('gives back what was appended, with versions from 1', async () => {
    const appended = await append('policy-a', 0, 1, 2);
    await append('policy-a', 2, 3);
    const loaded = await streams.load(stage.source.manager, 'policy-a');
    expect(loaded.version).toBe(3);
    expect(loaded.events.map((event) => [event.version, event.type, (event.data as { number: number }).number])).toEqual([
      [1, 'policy.version.activated', 1],
      [2, 'policy.version.activated', 2],
      [3, 'policy.version.activated', 3],
    ]);
    expect(loaded.events.slice(0, 2).map((event) => event.id)).toEqual(appended.map((event) => event.id));
    expect((await streams.load(stage.source.manager, 'policy-a', 2)).events.map((event) => event.version)).toEqual([3]);
    expect(await streams.load(stage.source.manager, 'policy-a', 3)).toEqual({ version: 3, events: [] });
    expect(await streams.load(stage.source.manager, 'policy-none')).toEqual({ version: 0, events: [] });
  });

  it.each([0, 1, 5])('at another version than 2 is not appended to (%i was expected)', async (expected) => {
    const stream = `policy-conflict-${expected}`;
    await append(stream, 0, 1, 2);
    await expect(append(stream, expected, 9)).rejects.toBeInstanceOf(StreamConflict);
    expect(await numbersOf(stream)).toEqual([1, 2]);
    expect(await stage.sql('select 1 from outbox where key = $1', [stream])).toHaveLength(2);
  });

  it('that twenty write to at once gets each once, when each decides anew', async () => {
    const stream = 'policy-race';
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        inTransaction(
          stage.source,
          async (tx) => {
            const { version } = await streams.load(tx, stream);
            await streams.append(tx, stream, version, [activated(number, stream)]);
          },
          { attempts: 40 },
        ),
      ),
    );
    expect((await numbersOf(stream)).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  it('leaves nothing in the outbox when its transaction is rolled back', async () => {
    const failing = inTransaction(stage.source, async (tx) => {
      await streams.append(tx, 'policy-rolled-back', 0, [activated(1, 'policy-rolled-back')]);
      throw new Error('on second thought');
    });
    await expect(failing).rejects.toThrow('on second thought');
    expect(await numbersOf('policy-rolled-back')).toEqual([]);
    expect(await stage.sql(`select 1 from outbox where key = 'policy-rolled-back'`)).toEqual([]);
  });

  it('refuses data that does not fit, and an event of another stream', async () => {
    const wrong = { declaration: policyDrafted, subject: 'policy-w', key: 'policy-w', data: { version: 'one', by: 1 } as never };
    await expect(inTransaction(stage.source, (tx) => streams.append(tx, 'policy-w', 0, [wrong]))).rejects.toBeInstanceOf(OutboxEntryRefused);
    await expect(inTransaction(stage.source, (tx) => streams.append(tx, 'policy-w', 0, [activated(1, 'policy-x')]))).rejects.toThrow('cannot be appended to policy-w');
    expect(await numbersOf('policy-w')).toEqual([]);
  });

  it('keeps text that PostgreSQL would refuse as JSON', async () => {
    const by = 'nul \u0000, half \ud83d, 漢字 "\\';
    const event = { ...activated(1, 'policy-text'), data: { ...activated(1).data, by } };
    await inTransaction(stage.source, (tx) => streams.append(tx, 'policy-text', 0, [event]));
    expect((await streams.load(stage.source.manager, 'policy-text')).events[0]!.data).toMatchObject({ by });
  });

  it('of a type that the catalogue does not have says so when it is loaded', async () => {
    await inTransaction(stage.source, (tx) => streams.append(tx, 'policy-imagined', 0, [{ declaration: unlisted, subject: 'policy-imagined', key: 'x', data: {} }]));
    await expect(streams.load(stage.source.manager, 'policy-imagined')).rejects.toThrow('customhouse.policy.version.imagined.v1 is not in the catalogue');
    await stage.sql(`delete from outbox where key = 'x'`);
  });

  it('whose bytes are decoded from the log is the same as the one in the table', async () => {
    const [event] = await append('policy-log', 0, 7);
    await stage.writer.append(event!);
    const stored = (await stage.records()).map((record) => decode(record)).find(({ id }) => id === event!.id);
    expect(stored!.data).toEqual((await streams.load(stage.source.manager, 'policy-log')).events[0]!.data);
  });
});
