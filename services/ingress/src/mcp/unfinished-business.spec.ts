import { describe, expect, it } from '@jest/globals';
import { callAborted } from '@customhouse/events/call/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import { FakeSink } from '../../test/support/fakes.js';
import { UnfinishedBusiness } from './unfinished-business.js';

const end = (call: string): NewEvent => ({ declaration: callAborted, subject: 's', key: 'k', id: call, data: { call, reason: 'x' } });
const settled = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('ends of calls that the log would not take', () => {
  it('are written in their order, each until it is stored', async () => {
    const sink = new FakeSink();
    const problems: string[] = [];
    const business = new UnfinishedBusiness(sink, 10, (problem) => problems.push(problem), 1);
    sink.failures.push('refused', 'indeterminate', 'refused');
    business.add(end('A'));
    business.add(end('B'));
    await settled(50);
    expect(sink.events.map((event) => event.id)).toEqual(['A', 'B']);
    expect([business.size, problems.length]).toEqual([0, 3]);
    business.add(end('C'));
    await settled();
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
