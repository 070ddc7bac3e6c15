import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '@customhouse/event-log/decode';
import { LogIndeterminate, LogRefused, type EventSink } from '@customhouse/event-log/sink';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { Outbox, OutboxEntryRefused, outboxEntryLimit_bytes } from '../src/outbox.js';
import { OutboxRelay } from '../src/outbox-relay.js';
import { inTransaction } from '../src/transaction.js';
import { activated, eventually, Stage } from './stage.js';

const outbox = new Outbox();
const databases = await Promise.all(Array.from({ length: 12 }, () => testPostgres()));

let stage: Stage;
let relays: OutboxRelay[];
beforeEach(async () => {
  stage = await Stage.open(databases.pop()!.url);
  relays = [];
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await stage.close();
});

function relay(sink: EventSink = stage.writer, more: Partial<ConstructorParameters<typeof OutboxRelay>[0]> = {}): OutboxRelay {
  const made = new OutboxRelay({ dataSource: stage.source, schema: 'stage', url: stage.url, sink, poll_ms: 5_000, ...more });
  relays.push(made);
  made.start();
  return made;
}

const publish = (...numbers: number[]) =>
  inTransaction(stage.source, (tx) =>
    outbox.publish(
      tx,
      numbers.map((number) => activated(number)),
    ),
  );
const shipped = async () => (await stage.records()).map((record) => (decode(record).data as { number: number }).number);
const waiting = async () => (await stage.sql<{ n: number }>('select count(*)::int as n from outbox'))[0]!.n;

/** The writer, with appends that go wrong on demand. */
function faulty(plan: (attempt: number) => 'fine' | 'refused' | 'stored but not told'): EventSink {
  let attempt = 0;
  return new Proxy(stage.writer, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member);
      if (member !== 'appendAll') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return async (...args: Parameters<EventSink['appendAll']>) => {
        attempt += 1;
        const fate = plan(attempt);
        if (fate === 'refused') throw new LogRefused('the log is away');
        const answer = await target.appendAll(...args);
        if (fate === 'stored but not told') throw new LogIndeterminate('no answer');
        return answer;
      };
    },
  });
}

describe('the outbox relay', () => {
  it('ships what was committed, in order and with the same ids, and is woken instead of polling', async () => {
    relay();
    await sleep(300);
    const started = performance.now();
    const [first] = await publish(1, 2, 3);
    await publish(4);
    await eventually('all are shipped', async () => (await shipped()).length === 4);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await shipped()).toEqual([1, 2, 3, 4]);
    expect(decode((await stage.records())[0]!).id).toBe(first!.id);
    await eventually('the outbox is empty', async () => (await waiting()) === 0);
  });

  it('ships what was left by a process that died', async () => {
    await publish(1, 2);
    relay();
    await eventually('all are shipped', async () => (await shipped()).length === 2);
  });

  it('does not skip a transaction that commits late', async () => {
    relay(stage.writer, { poll_ms: 50 });
    const slow = stage.source.createQueryRunner();
    await slow.startTransaction();
    await outbox.publish(slow.manager, [activated(1)]);
    await publish(2);
    await eventually('the fast one is shipped', async () => (await shipped()).includes(2));
    await slow.commitTransaction();
    await slow.release();
    await eventually('the slow one is shipped', async () => (await shipped()).includes(1));
  });

  it('keeps causes before effects, also when the effect has the lower transaction id and a third transaction is open', async () => {
    const [effect, third, cause] = [stage.source.createQueryRunner(), stage.source.createQueryRunner(), stage.source.createQueryRunner()];
    await stage.sql('create table marks (id int primary key)');
    // Transaction ids are given at the first write, in this order.
    for (const [index, runner] of [effect, third, cause].entries()) {
      await runner.startTransaction();
      await runner.query('insert into marks values ($1)', [index]);
    }
    await outbox.publish(cause.manager, [activated(1)]);
    await cause.commitTransaction();
    await outbox.publish(effect.manager, [activated(2)]);
    await effect.commitTransaction();
    relay(stage.writer, { poll_ms: 50 });
    await eventually('both are shipped', async () => (await shipped()).length === 2);
    expect(await shipped()).toEqual([1, 2]);
    await third.rollbackTransaction();
    for (const runner of [effect, third, cause]) await runner.release();
  });

  it('tries again what the log refused, and says meanwhile what is wrong', async () => {
    const problems: unknown[] = [];
    const made = relay(
      faulty((attempt) => (attempt <= 3 ? 'refused' : 'fine')),
      { poll_ms: 50, onProblem: (error) => problems.push(error) },
    );
    await publish(1, 2);
    await eventually('it says so', () => made.trouble === 'the log is away');
    await eventually('all are shipped', async () => (await shipped()).length === 2);
    await eventually('it has recovered', () => made.trouble === undefined);
    expect(problems.map((problem) => problem instanceof LogRefused)).toEqual([true, false]);
  });

  it('ships under the same id what the log had taken without saying so', async () => {
    relay(
      faulty((attempt) => (attempt === 1 ? 'stored but not told' : 'fine')),
      { poll_ms: 50 },
    );
    await publish(1);
    await eventually('it was shipped twice', async () => (await shipped()).length === 2);
    const [first, second] = (await stage.records()).map((record) => decode(record).id);
    expect(first).toBe(second);
    await eventually('the outbox is empty', async () => (await waiting()) === 0);
  });

  it('ships once when several relays share a schema', async () => {
    const others = await Promise.all([Stage.connect(stage.url), Stage.connect(stage.url)]);
    relay();
    for (const dataSource of others) relay(stage.writer, { dataSource });
    for (let number = 1; number <= 60; number += 1) await publish(number);
    await eventually('all are shipped', async () => (await waiting()) === 0);
    expect(await shipped()).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    await Promise.all(relays.map((each) => each.stop()));
    await Promise.all(others.map((source) => source.destroy()));
  });

  it('keeps the order between events, removals and raw records', async () => {
    const state = 'customhouse.state.policy';
    await inTransaction(stage.source, async (tx) => {
      await outbox.publishRaw(tx, [{ topic: state, key: 'a', value: Buffer.from('1'), headers: { mark: 'raw' } }]);
      await outbox.remove(tx, state, ['a', 'b']);
      await outbox.publishRaw(tx, [{ topic: state, key: 'a', value: Buffer.from([0, 255]), headers: {} }]);
    });
    relay();
    await eventually('all are shipped', async () => (await waiting()) === 0);
    const records = await stage.records(state);
    expect(records.map((record) => [record.key, record.value && [...record.value], record.headers['mark']])).toEqual([
      ['a', [49], 'raw'],
      ['a', null, undefined],
      ['b', null, undefined],
      ['a', [0, 255], undefined],
    ]);
  });

  it('ships more than one batch of the writer takes', async () => {
    const by = 'x'.repeat(100_000);
    await inTransaction(stage.source, (tx) =>
      outbox.publish(
        tx,
        Array.from({ length: 40 }, (_, number) => ({ ...activated(number), data: { ...activated(number).data, by } })),
      ),
    );
    relay();
    await eventually('all are shipped', async () => (await waiting()) === 0);
    expect(await shipped()).toEqual(Array.from({ length: 40 }, (_, number) => number));
  });

  it('goes on after its database connections were cut', async () => {
    relay(stage.writer, { poll_ms: 100 });
    await publish(1);
    await eventually('the first is shipped', async () => (await shipped()).length === 1);
    await stage.sql('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()');
    await publish(2);
    await eventually('the second is shipped', async () => (await shipped()).length === 2);
  });

  it('ships what is left when it is stopped', async () => {
    const made = relay(stage.writer, { poll_ms: 60_000 });
    await sleep(200);
    await stage.sql(`insert into outbox (kind, topic, key, value, headers) values ('raw', 'customhouse.state.policy', 'quiet', '\\x31', '{}')`);
    await made.stop();
    expect(await waiting()).toBe(0);
  });

  it('refuses an entry that the log would refuse for ever', async () => {
    const value = Buffer.alloc(outboxEntryLimit_bytes + 1);
    await expect(inTransaction(stage.source, (tx) => outbox.publishRaw(tx, [{ topic: 'customhouse.policy', key: 'k', value, headers: {} }]))).rejects.toBeInstanceOf(
      OutboxEntryRefused,
    );
    expect(await waiting()).toBe(0);
  });
});
