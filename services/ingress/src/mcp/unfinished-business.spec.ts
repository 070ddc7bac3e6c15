import { describe, expect, it } from '@jest/globals';
import { callAborted } from '@customhouse/events/call/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import { FakeSink } from '../../test/support/fakes.js';
import { UnfinishedBusiness } from './unfinished-business.js';

const end = (call: string): NewEvent => ({ declaration: callAborted, subject: 's', key: 'k', id: call, data: { call, reason: 'x' } });

/** Waits until so many are written; a busy machine takes its time. */
async function written(sink: FakeSink, count: number): Promise<void> {
  for (let waited_ms = 0; sink.events.length < count && waited_ms < 5_000; waited_ms += 5) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('ends of calls that the log would not take', () => {
  it('are written in their order, each until it is stored', async () => {
    const sink = new FakeSink();
    const problems: string[] = [];
    const business = new UnfinishedBusiness(sink, 10, (problem) => problems.push(problem), 1);
    sink.failures.push('refused', 'indeterminate', 'refused');
    business.add(end('A'));
    business.add(end('B'));
    await written(sink, 2);
    expect(sink.events.map((event) => event.id)).toEqual(['A', 'B']);
    expect([business.size, problems.length]).toEqual([0, 3]);
    business.add(end('C'));
    await written(sink, 3);
    expect(sink.events.map((event) => event.id)).toEqual(['A', 'B', 'C']);
  });

  it('are tried for a while when the process ends, and what is left is said', async () => {
    const sink = new FakeSink();
    const problems: string[] = [];
    const business = new UnfinishedBusiness(sink, 10, (problem) => problems.push(problem), 1);
    for (let tries = 0; tries < 1_000; tries += 1) sink.failures.push('refused');
    business.add(end('A'));
    await business.close(30);
    expect(problems.at(-1)).toContain('1 ends of calls could not be recorded');
  });
});
