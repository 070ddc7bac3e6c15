import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { oneRow, rowsOf } from '../src/sql.js';
import { CommitUnknown, inTransaction } from '../src/transaction.js';
import { Stage } from './stage.js';

const { url } = await testPostgres();
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(url);
  await stage.sql('create table counters (id int primary key, value int not null); insert into counters values (1, 0), (2, 0)');
});
afterAll(() => stage.close());

const value = async (id: number) => (await oneRow<{ value: number }>(stage.source.manager, 'select value from counters where id = $1', [id])).value;

describe('a transaction', () => {
  it('that the database rolls back because of another one is done again until it is through', async () => {
    const before = await value(1);
    await Promise.all(
      Array.from({ length: 8 }, () =>
        inTransaction(
          stage.source,
          async (tx) => {
            const { value: read } = await oneRow<{ value: number }>(tx, 'select value from counters where id = 1');
            await tx.query('update counters set value = $1 where id = 1', [read + 1]);
          },
          { isolation: 'SERIALIZABLE', attempts: 50 },
        ),
      ),
    );
    expect(await value(1)).toBe(before + 8);
  });

  it('that is chosen as the victim of a deadlock is done again', async () => {
    const before = [await value(1), await value(2)];
    const cross = (first: number, second: number) =>
      inTransaction(stage.source, async (tx) => {
        await tx.query('update counters set value = value + 1 where id = $1', [first]);
        await tx.query('select pg_sleep(0.1)');
        await tx.query('update counters set value = value + 1 where id = $1', [second]);
      });
    await Promise.all([cross(1, 2), cross(2, 1)]);
    expect([await value(1), await value(2)]).toEqual(before.map((each) => each + 2));
  });

  it('whose connection breaks before the commit is done again', async () => {
    let attempts = 0;
    const before = await value(2);
    await inTransaction(stage.source, async (tx) => {
      attempts += 1;
      await tx.query('update counters set value = value + 1 where id = 2');
      if (attempts === 1) await tx.query('select pg_terminate_backend(pg_backend_pid())');
    });
    expect([attempts, await value(2)]).toEqual([2, before + 1]);
  });

  it('whose connection breaks at the commit is done again only when that does no harm', async () => {
    const cutAtCommit = async (options: { repeatable: boolean }) => {
      let attempts = 0;
      const work = async (tx: Parameters<Parameters<typeof inTransaction>[1]>[0]) => {
        attempts += 1;
        if (attempts > 1) return;
        const { pid } = await oneRow<{ pid: number }>(tx, 'select pg_backend_pid() as pid');
        const query = tx.queryRunner!.query.bind(tx.queryRunner);
        tx.queryRunner!.query = async (sql: string, ...rest: never[]) => {
          if (sql === 'COMMIT') await stage.sql('select pg_terminate_backend($1)', [pid]);
          return query(sql, ...rest) as never;
        };
      };
      const outcome = await inTransaction(stage.source, work, options).then(
        () => 'done',
        (error: unknown) => error,
      );
      return { outcome, attempts };
    };
    const once = await cutAtCommit({ repeatable: false });
    expect(once.outcome).toBeInstanceOf(CommitUnknown);
    expect(once.attempts).toBe(1);
    expect(await cutAtCommit({ repeatable: true })).toEqual({ outcome: 'done', attempts: 2 });
  });

  it('that fails for good is tried once and leaves nothing', async () => {
    let attempts = 0;
    const before = await value(1);
    const failing = inTransaction(stage.source, async (tx) => {
      attempts += 1;
      await tx.query('update counters set value = -1 where id = 1');
      await tx.query('insert into counters values (1, 0)');
    });
    await expect(failing).rejects.toThrow('duplicate key');
    expect([attempts, await value(1)]).toEqual([1, before]);
  });

  it('gives its connection back, whatever happened', async () => {
    for (let round = 0; round < 20; round += 1) {
      await inTransaction(stage.source, async () => {
        throw new Error('no');
      }).catch(() => undefined);
    }
    expect(await rowsOf(stage.source.manager, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('rows', () => {
  it('come the same way from every kind of statement', async () => {
    const { manager } = stage.source;
    await manager.query('create table kinds (id int)');
    expect(await rowsOf(manager, 'insert into kinds values (1), (2) returning id')).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await rowsOf(manager, 'update kinds set id = id + 10 returning id')).toEqual([{ id: 11 }, { id: 12 }]);
    expect(await rowsOf(manager, 'delete from kinds returning id')).toEqual([{ id: 11 }, { id: 12 }]);
    expect(await rowsOf(manager, 'delete from kinds')).toEqual([]);
    expect(await rowsOf(manager, 'select id from kinds')).toEqual([]);
    await expect(oneRow(manager, 'select id from kinds')).rejects.toThrow('expected one row and got 0');
  });
});
