import { describe, expect, it } from '@jest/globals';
import { PositionGone, type FollowedBatch, type StoredRecord } from '../port.js';
import { OffsetOutOfRange, type Cursor, type Delivery, type KafkaDriver } from './driver.js';
import { KafkaFollower } from './follower.js';

type Answer = (cursors: readonly Cursor[]) => readonly Delivery[];

function record(partition: number, offset: number): StoredRecord {
  return { topic: 't', key: 'k', value: null, headers: {}, position: { topic: 't', partition, offset }, appended: 0 };
}

/** An answer for one partition: the offsets, where it begins, and the end the broker speaks of. */
function delivery(cursor: Cursor, offsets: readonly number[], end: number, from = offsets[0] ?? cursor.next): Delivery {
  const asked = cursor.next;
  const next = (offsets.at(-1) ?? asked - 1) + 1;
  cursor.next = next;
  return { cursor, asked, from, next, end, records: offsets.map((offset) => record(cursor.partition, offset)) };
}

/** A driver whose reads give these answers, one after the other, each read beginning with the next. */
function scripted(answers: (Answer | Error)[], ranges: Record<string, { start: number; end: number }>): { readonly driver: KafkaDriver; readonly starts: number[][] } {
  const starts: number[][] = [];
  const driver = {
    ranges: () => Promise.resolve(new Map(Object.entries(ranges))),
    read: async function* (cursors: readonly Cursor[], { signal }: { signal: AbortSignal }) {
      starts.push(cursors.map(({ next }) => next));
      while (!signal.aborted) {
        const answer = answers.shift();
        if (answer === undefined) throw new Error('no more answers');
        if (answer instanceof Error) throw answer;
        yield answer(cursors);
      }
    },
  } as unknown as KafkaDriver;
  return { driver, starts };
}

async function follow(
  answers: (Answer | Error)[],
  ranges: Record<string, { start: number; end: number }>,
  options: { readonly partitions?: number; readonly compacted?: boolean; readonly batches: number; readonly from?: number },
): Promise<{ readonly batches: FollowedBatch[]; readonly starts: number[][]; readonly problems: string[] }> {
  const { driver, starts } = scripted(answers, ranges);
  const problems: string[] = [];
  const stop = new AbortController();
  const cursors = Array.from({ length: options.partitions ?? 1 }, (_, partition) => ({ topic: 't', partition, next: options.from ?? 0 }));
  const follower = new KafkaFollower({ driver, isCompacted: () => options.compacted ?? false, onProblem: (problem) => problems.push(problem) }, cursors, {
    topics: ['t'],
    from: new Map(),
    signal: stop.signal,
    idle_ms: 0,
  });
  const batches: FollowedBatch[] = [];
  for await (const batch of follower.batches()) {
    batches.push(batch);
    if (batches.length === options.batches) stop.abort();
  }
  return { batches, starts, problems };
}

const offsets = (batches: readonly FollowedBatch[]): number[] => batches.flatMap(({ records }) => records.map(({ position }) => position.offset));

describe('following Kafka through a driver', () => {
  it('stops when an answer begins elsewhere because the position is gone', async () => {
    const following = follow([([cursor]) => [delivery(cursor!, [7, 8], 9)]], { 't:0': { start: 7, end: 9 } }, { batches: 1, from: 3 });
    await expect(following).rejects.toBeInstanceOf(PositionGone);
    await expect(following).rejects.toMatchObject({ asked: { offset: 3 }, earliest: 7, end: 9 });
  });

  it('believes no answer that jumps where nothing is gone, and reads all of it again', async () => {
    const { batches, starts, problems } = await follow(
      [([first, second]) => [delivery(first!, [0, 1], 2), delivery(second!, [4, 5], 6)], ([first, second]) => [delivery(first!, [0, 1], 2), delivery(second!, [0, 1], 6)]],
      { 't:0': { start: 0, end: 2 }, 't:1': { start: 0, end: 6 } },
      { partitions: 2, batches: 2 },
    );
    expect(starts).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(batches.map(({ records }) => records.map(({ position }) => [position.partition, position.offset]))).toEqual([
      [
        [0, 0],
        [0, 1],
      ],
      [
        [1, 0],
        [1, 1],
      ],
    ]);
    expect(problems).toHaveLength(1);
  });

  it('believes no answer that begins before what was asked for', async () => {
    const { batches, problems } = await follow(
      [([cursor]) => [delivery(cursor!, [0, 1, 2], 5, 3)], ([cursor]) => [delivery(cursor!, [3, 4], 5)]],
      { 't:0': { start: 0, end: 5 } },
      { batches: 1, from: 3 },
    );
    expect(offsets(batches)).toEqual([3, 4]);
    expect(problems).toHaveLength(1);
  });

  it('lets compaction leave offsets out', async () => {
    const { batches } = await follow([([cursor]) => [delivery(cursor!, [4, 9], 10)]], { 't:0': { start: 0, end: 10 } }, { compacted: true, batches: 1 });
    expect(offsets(batches)).toEqual([4, 9]);
    expect(batches[0]!.atEnd).toBe(true);
  });

  it('goes on after a failure where it was', async () => {
    const { batches, starts } = await follow(
      [([cursor]) => [delivery(cursor!, [0, 1], 4)], new Error('connection lost'), new Error('connection lost'), ([cursor]) => [delivery(cursor!, [2, 3], 4)]],
      { 't:0': { start: 0, end: 4 } },
      { batches: 2 },
    );
    expect(offsets(batches)).toEqual([0, 1, 2, 3]);
    expect(starts).toEqual([[0], [2], [2]]);
  });

  it('tries again when the client speaks of a lost position and the log does not', async () => {
    const { batches } = await follow(
      [new OffsetOutOfRange({ topic: 't', partition: 0, offset: 0 }), ([cursor]) => [delivery(cursor!, [0], 1)]],
      { 't:0': { start: 0, end: 1 } },
      { batches: 1 },
    );
    expect(offsets(batches)).toEqual([0]);
  });

  it('is not at the end while a new leader knows less than the log had', async () => {
    const { batches } = await follow([([cursor]) => [delivery(cursor!, [0], 1)], ([cursor]) => [delivery(cursor!, [1, 2], 3)]], { 't:0': { start: 0, end: 3 } }, { batches: 2 });
    expect(batches.map(({ atEnd }) => atEnd)).toEqual([false, true]);
  });
});
