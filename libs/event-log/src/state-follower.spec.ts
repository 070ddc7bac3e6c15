import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MemoryLog } from './memory.js';
import type { EventLog, FollowedBatch, FollowOptions } from './port.js';
import { PositionGone } from './port.js';
import { followState, type StateChange, type StateFollower } from './state-follower.js';

const topic = 'customhouse.state.catalog';
const declaration = { name: topic, partitions: 1, cleanup: 'compact', retention_ms: null, max_record_bytes: 1_000_000 } as const;

function value(data: unknown): Buffer {
  return Buffer.from(
    JSON.stringify({ specversion: '1.0', id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', type: 'customhouse.catalog.server.published.v1', source: 's', subject: 'x', time: 't', data }),
  );
}

describe('following a state', () => {
  const followers: StateFollower[] = [];
  afterEach(() => Promise.all(followers.splice(0).map((follower) => follower.close())));

  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 3000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error('it never came to that');
      await sleep(5);
    }
  }

  function follow(log: EventLog): { readonly follower: StateFollower; readonly changes: [string, unknown][]; readonly problems: string[]; readonly ready: number[] } {
    const changes: [string, unknown][] = [];
    const problems: string[] = [];
    const ready: number[] = [];
    const follower = followState({
      log,
      topics: [topic],
      onChange: ({ key, event }: StateChange) => changes.push([key, event?.data]),
      onReady: () => ready.push(changes.length),
      onProblem: (problem) => problems.push(problem),
    });
    followers.push(follower);
    return { follower, changes, problems, ready };
  }

  async function put(log: MemoryLog, key: string, data: unknown): Promise<void> {
    await log.append([{ topic, key, value: data === null ? null : value(data), headers: {} }]);
  }

  it('gives the whole state, then is ready, then gives each change', async () => {
    const log = new MemoryLog([declaration]);
    await put(log, 'a', 1);
    await put(log, 'b', 1);
    await put(log, 'a', 2);
    await put(log, 'b', null);
    const { follower, changes, ready } = follow(log);
    expect(follower.ready).toBe(false);
    expect(follower.staleness_ms).toBe(Infinity);
    await until(() => follower.ready);
    expect(changes).toEqual([['a', 2]]);
    expect(ready).toEqual([1]);
    await put(log, 'c', 1);
    await put(log, 'a', null);
    await until(() => changes.length === 3);
    expect(changes.slice(1)).toEqual([
      ['c', 1],
      ['a', undefined],
    ]);
    expect(follower.staleness_ms).toBeLessThan(2000);
  });

  it('keeps the last good state of a key when a record cannot be read, and says so', async () => {
    const log = new MemoryLog([declaration]);
    await put(log, 'a', 1);
    const { follower, changes, problems } = follow(log);
    await until(() => follower.ready);
    await log.append([{ topic, key: 'a', value: Buffer.from('{'), headers: {} }]);
    await put(log, 'b', 1);
    await until(() => changes.length === 2);
    expect(changes).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(problems).toEqual([`a record of ${topic} was passed over`]);
  });

  it('grows stale while the log is away, and goes on when it is back', async () => {
    const log = new MemoryLog([declaration]);
    await put(log, 'a', 1);
    let away = false;
    const flaky = Object.create(log, {
      follow: {
        value: async function* (options: FollowOptions): AsyncGenerator<FollowedBatch> {
          for await (const batch of log.follow({ ...options, idle_ms: 20 })) {
            if (away) throw new Error('away');
            yield batch;
          }
        },
      },
      readState: { value: (name: string, signal: AbortSignal) => (away ? Promise.reject(new Error('away')) : log.readState(name, signal)) },
    }) as EventLog;
    const { follower, changes, problems } = follow(flaky);
    await until(() => follower.ready);
    away = true;
    await sleep(300);
    expect(follower.staleness_ms).toBeGreaterThan(150);
    expect(follower.ready).toBe(true);
    expect(problems).toContain('cannot follow the state; trying again');
    await put(log, 'b', 1);
    away = false;
    await until(() => changes.some(([key]) => key === 'b'));
  });

  it('reads everything again when its position was lost, and reports what is gone', async () => {
    const log = new MemoryLog([declaration]);
    await put(log, 'a', 1);
    await put(log, 'b', 1);
    const recreated = new MemoryLog([declaration]);
    await put(recreated, 'b', 2);
    let current = log;
    const replaced = Object.create(log, {
      follow: {
        value: async function* (options: FollowOptions): AsyncGenerator<FollowedBatch> {
          if (current === log) {
            current = recreated;
            throw new PositionGone({ topic, partition: 0, offset: 2 }, 0, 1);
          }
          yield* recreated.follow(options);
        },
      },
      readState: { value: (name: string, signal: AbortSignal) => current.readState(name, signal) },
    }) as EventLog;
    const { changes, problems } = follow(replaced);
    await until(() => changes.length === 4);
    expect(changes.slice(2)).toEqual([
      ['a', undefined],
      ['b', 2],
    ]);
    expect(problems).toEqual(['the state was removed under its follower; reading it again']);
  });
});
