import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { decode } from '@customhouse/event-log/decode';
import { partitionKey, PositionGone, type EventLog } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { policyActivated, shadowEnded } from '@customhouse/events/policy/events';
import { placeGroup } from '../src/lease.js';
import { newUlid } from '../src/new-ulid.js';
import { Projection, type ProjectionOptions, type ProjectionScope } from '../src/projection.js';
import { inTransaction } from '../src/transaction.js';
import { activated, eventually, group, Stage, topic } from './stage.js';

const databases = await Promise.all(Array.from({ length: 26 }, () => testPostgres()));

let stage: Stage;
let projections: Projection[];
beforeEach(async () => {
  stage = await Stage.open(databases.pop()!.url);
  await stage.sql('create table seen (number int not null, place int generated always as identity)');
  projections = [];
});
afterEach(async () => {
  await Promise.all(projections.map((projection) => projection.stop()));
  await stage.close();
});

const numberOf = (event: StoredEvent) => (event.data as { number: number }).number;

async function fold(events: readonly StoredEvent[], { tx }: ProjectionScope): Promise<void> {
  for (const event of events) await tx.query('insert into seen (number) values ($1)', [numberOf(event)]);
}

function project(more: Partial<ProjectionOptions> = {}): Projection {
  const made = new Projection({ dataSource: stage.source, log: stage.log, group, topics: [topic], owner: 'stage-1', decode, fold, lease_ms: 1_000, ...more });
  projections.push(made);
  made.start();
  return made;
}

const append = async (...numbers: number[]) => {
  for (const number of numbers) await stage.writer.append(activated(number));
};
const seen = async () => (await stage.sql<{ number: number }>('select number from seen order by place')).map((row) => row.number);
const sees = (...numbers: number[]) => eventually(`it sees ${numbers.join(', ')}`, async () => (await seen()).join() === numbers.join());
const position = async () => Number((await stage.sql<{ next_offset: string }>('select next_offset from positions'))[0]?.next_offset ?? 0);
const deadLetters = async () => stage.sql<{ log_offset: string; reason: string; value: Buffer }>('select log_offset, reason, value from dead_letters order by log_offset');

describe('a projection', () => {
  it('takes everything from the start, then what comes, and says how far it is', async () => {
    await append(1, 2);
    const before = Date.now();
    const projection = project();
    await sees(1, 2);
    await append(3);
    await sees(1, 2, 3);
    expect(await position()).toBe(3);
    await eventually('it is at the end', () => projection.atEnd && projection.state === 'following' && projection.problem === undefined);
    const complete = await eventually(
      'it is complete until then',
      async () => (await stage.sql<{ complete_until: Date | null }>('select complete_until from consumers'))[0]?.complete_until ?? undefined,
    );
    expect(complete.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('goes on where it was after a restart, without waiting for the lease of the process that it was', async () => {
    await append(1);
    project({ lease_ms: 60_000 });
    await sees(1);
    // The first is neither stopped nor does it give its lease up.
    await append(2, 3);
    await sees(1, 2, 3);
    const started = performance.now();
    project({ lease_ms: 60_000, dataSource: await other() });
    await append(4);
    await sees(1, 2, 3, 4);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('drops an event that comes twice, in one batch and in two', async () => {
    const event = { ...activated(1), id: newUlid() };
    await stage.writer.append(event);
    await stage.writer.append(event);
    project();
    await sees(1);
    await stage.writer.append(event);
    await append(2);
    await sees(1, 2);
  });

  it('moves its position only together with the rows', async () => {
    let broken = true;
    await append(1, 2, 3);
    const projection = project({
      fold: async (events, scope) => {
        await fold(events, scope);
        // The database ends the transaction at its end.
        if (broken) await scope.tx.query('select pg_terminate_backend(pg_backend_pid())');
      },
    });
    await eventually('it says that it does not get on', () => projection.problem !== undefined && projection.state === 'retrying');
    expect([await seen(), await position()]).toEqual([[], 0]);
    broken = false;
    await sees(1, 2, 3);
    await eventually('it has recovered', () => projection.problem === undefined);
  });

  it('puts aside what its fold refuses, whole and with the reason, and goes on', async () => {
    const effects: number[] = [];
    project({
      fold: async (events, scope) => {
        for (const event of events) {
          scope.afterCommit(() => effects.push(numberOf(event)));
          if (numberOf(event) % 3 === 0) throw new TypeError(`${numberOf(event)} is a multiple of three`);
          await fold([event], scope);
        }
      },
    });
    await append(1, 2, 3, 4, 5, 6, 7);
    await sees(1, 2, 4, 5, 7);
    expect((await deadLetters()).map((row) => [Number(row.log_offset), row.reason])).toEqual([
      [2, 'TypeError: 3 is a multiple of three'],
      [5, 'TypeError: 6 is a multiple of three'],
    ]);
    expect(effects).toEqual([1, 2, 4, 5, 7]);
    const letters = await stage.sql<{ topic: string; headers: string }>(`select topic, headers from outbox where kind = 'raw' order by sequence`);
    expect(letters.map((letter) => [letter.topic, JSON.parse(letter.headers)['customhouse-dead-offset']])).toEqual([
      [`${topic}.dead.${group}`, '2'],
      [`${topic}.dead.${group}`, '5'],
    ]);
  });

  it('puts aside what violates the database, after which the transaction would be dead', async () => {
    await stage.sql('alter table seen add check (number <> 2)');
    await append(1, 2, 3);
    project();
    await sees(1, 3);
    expect((await deadLetters())[0]!.reason).toContain('violates check constraint');
  });

  it('puts aside what cannot be read, byte for byte', async () => {
    const bytes = [Buffer.from('{"nope'), Buffer.from([0, 255, 254]), Buffer.from('null'), Buffer.from('[]')];
    await append(1);
    for (const value of bytes) await stage.log.append([{ topic, key: 'policy-1', value, headers: { 'x-test': 'a\u0000b' } }]);
    await append(2);
    project();
    await sees(1, 2);
    expect((await deadLetters()).map((row) => row.value)).toEqual(bytes);
  });

  it('lets a fold go on with the others when it sets one aside itself', async () => {
    await append(1, 2, 3);
    project({
      fold: async (events, scope) => {
        await fold(events, scope);
        for (const event of events) if (numberOf(event) === 2) scope.setAside(event, 'not to my taste');
      },
    });
    await sees(1, 2, 3);
    expect((await deadLetters()).map((row) => [row.log_offset, row.reason])).toEqual([['1', 'not to my taste']]);
  });

  it('runs effects after the commit, and not for what was rolled back', async () => {
    const effects: string[] = [];
    let attempts = 0;
    await append(1);
    project({
      fold: async (events, scope) => {
        attempts += 1;
        const attempt = attempts;
        scope.afterCommit(() => effects.push(`attempt ${attempt}, rows visible`));
        await fold(events, scope);
        if (attempt < 3) throw Object.assign(new Error('deadlock'), { code: '40P01' });
      },
    });
    await sees(1);
    await eventually('the effect has run', () => effects.length > 0);
    expect(effects).toEqual(['attempt 3, rows visible']);
  });

  it('is fenced off when another has taken its group over, and nothing is taken twice', async () => {
    await append(1);
    const folded: string[] = [];
    const noting = (who: string) => async (events: readonly StoredEvent[], scope: ProjectionScope) => {
      await fold(events, scope);
      scope.afterCommit(() => folded.push(...events.map((event) => `${who} ${numberOf(event)}`)));
    };
    const paused = project({ owner: 'paused', fold: noting('paused'), dataSource: await other(), lease_ms: 60_000 });
    await sees(1);
    // Another has led meanwhile, taken event 2, and died: the first still believes that it leads, and at position 1.
    await stage.sql(`update consumers set owner = 'another', epoch = epoch + 1, lease_until = clock_timestamp() - interval '1 second'`);
    await stage.sql('update positions set next_offset = 2');
    await append(2, 3);
    await sees(1, 3);
    expect(folded).toEqual(['paused 1', 'paused 3']);
    expect(paused.problem).toBeUndefined();
    expect((await stage.sql<{ epoch: string }>('select epoch from consumers'))[0]!.epoch).toBe('3');
  });

  it('takes over when the leader is silent for the lease, and stands by until then', async () => {
    await stage.sql(`insert into consumers (group_name, owner, epoch, lease_until) values ('${group}', 'gone', 7, clock_timestamp() + interval '1500 milliseconds')`);
    await append(1);
    const projection = project();
    await eventually('it stands by', () => projection.state === 'standby');
    expect(await seen()).toEqual([]);
    await sees(1);
    expect((await stage.sql<{ epoch: string; owner: string }>('select owner, epoch from consumers'))[0]).toEqual({ owner: 'stage-1', epoch: '8' });
  });

  it('hands over at once when it is stopped in order', async () => {
    const first = project({ owner: 'first', lease_ms: 60_000 });
    await append(1);
    await sees(1);
    await first.stop();
    project({ owner: 'second', lease_ms: 60_000 });
    await append(2);
    await sees(1, 2);
  });

  it('survives that all its connections are cut, again and again', async () => {
    project({ batch: 3 });
    for (let round = 0; round < 5; round += 1) {
      for (let number = round * 10; number < round * 10 + 10; number += 1) await append(number);
      const killer = await other();
      await killer.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()');
    }
    await sees(...Array.from({ length: 50 }, (_, number) => number));
    expect(await deadLetters()).toEqual([]);
  });

  it('says so when the log no longer has its position, and takes nothing by guess', async () => {
    await append(1);
    const gone = new PositionGone({ topic, partition: 0, offset: 0 }, 5, 9);
    const log: EventLog = new Proxy(stage.log, {
      get(target, member) {
        if (member !== 'follow') return (Reflect.get(target, member) as () => unknown).bind?.(target);
        return async function* () {
          throw gone;
        };
      },
    });
    const projection = project({ log });
    await eventually('it says so', () => projection.problem?.includes('PositionGone'));
    expect(await seen()).toEqual([]);
  });

  describe('that wants some events', () => {
    const wants = (event: StoredEvent) => event.type === policyActivated.type;
    const commits = async () => Number((await stage.sql<{ count: string }>(`select count(*) as count from processed_events`))[0]!.count);
    const shadowed = (number: number) => ({ declaration: shadowEnded, subject: 'policy-version-1', key: 'policy-1', data: { ...ended, calls: number } });
    const ended = { shadow: newUlid(), number: 1, calls: 0, newly_allowed: 0, newly_held: 0, newly_refused: 0, other_terms: 0, by: 'somebody' };

    it('folds these, and passes over the others without noting anything of them', async () => {
      await stage.writer.append(shadowed(1));
      await append(1);
      await stage.writer.append(shadowed(2));
      await append(2);
      project({ wants });
      await sees(1, 2);
      expect(await commits()).toBe(2);
    });

    it('stores the position of what was passed over some time later, and goes on from there', async () => {
      await stage.writer.append(shadowed(1));
      await stage.writer.append(shadowed(2));
      const first = project({ wants });
      await eventually('it has passed over both', async () => (await position()) === 2);
      expect(await commits()).toBe(0);
      await append(1);
      await sees(1);
      await first.stop();
      project({ wants });
      await append(2);
      await sees(1, 2);
      expect(await position()).toBe(4);
    });

    it('puts aside what cannot be read, whatever it may have been', async () => {
      await stage.log.append([{ topic, key: 'policy-1', value: Buffer.from('{"nope'), headers: {} }]);
      project({ wants });
      await eventually('it is put aside', async () => (await deadLetters()).length === 1);
    });

    it('is fenced off where another moved its position since it passed something over', async () => {
      const projection = project({ wants });
      await append(1);
      await sees(1);
      await inTransaction(stage.source, (tx) => placeGroup(tx, group, new Map([[partitionKey(topic, 0), 3]])));
      await stage.writer.append(shadowed(1));
      await append(2, 3);
      await sees(1, 3);
      expect(projection.problem).toBeUndefined();
    });
  });

  describe('that may rest', () => {
    it('reads nothing while it does, begins where it is told to, and rests again', async () => {
      let resting = true;
      await append(1);
      const projection = project({ atRest: () => Promise.resolve(resting) });
      await eventually('it rests', () => projection.state === 'resting');
      await append(2);
      await inTransaction(stage.source, async (tx) => placeGroup(tx, group, await stage.log.ends([topic])));
      await append(3);
      expect(await stage.sql('select 1 from consumers')).toEqual([]);
      resting = false;
      await sees(3);
      resting = true;
      await eventually('it rests again', () => projection.state === 'resting');
      await append(4);
      await inTransaction(stage.source, async (tx) => placeGroup(tx, group, await stage.log.ends([topic])));
      resting = false;
      await append(5);
      await sees(3, 5);
    });

    it('lets another process lead at once when it begins to rest', async () => {
      let resting = false;
      const first = project({ owner: 'first', lease_ms: 60_000, atRest: () => Promise.resolve(resting) });
      await append(1);
      await sees(1);
      resting = true;
      await eventually('it rests', () => first.state === 'resting');
      project({ owner: 'second', lease_ms: 60_000 });
      await append(2);
      await sees(1, 2);
    });
  });

  it('remembers ids for their time and no longer', async () => {
    await append(1, 2);
    const first = project();
    await sees(1, 2);
    await first.stop();
    await stage.sql(`update processed_events set seen_at = now() - interval '8 days' where event_id = (select min(event_id) from processed_events)`);
    project();
    await eventually('the old one is forgotten', async () => (await stage.sql('select 1 from processed_events')).length === 1);
  });
});

const opened: DataSource[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((source) => source.destroy()));
});
async function other(): Promise<DataSource> {
  const source = await Stage.connect(stage.url);
  opened.push(source);
  return source;
}
