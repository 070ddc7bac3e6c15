import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { ClosingStack } from './closing-stack.js';

const logger = pino({ level: 'silent' });

describe('closing', () => {
  it('goes from the last opened to the first, and goes on where one fails', async () => {
    const closed: string[] = [];
    const stack = new ClosingStack();
    stack.add('log', () => closed.push('log'));
    stack.add('writer', () => Promise.reject(new Error('stuck')));
    stack.add('app', async () => void closed.push('app'));
    await stack.close(1_000, logger);
    expect(closed).toEqual(['app', 'log']);
  });

  it('is bounded, and what comes after a thing that hangs still gets its moment', async () => {
    const closed: string[] = [];
    const stack = new ClosingStack();
    stack.add('writer', () => closed.push('writer'));
    stack.add('app', () => new Promise(() => undefined));
    const started = performance.now();
    await stack.close(200, logger);
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(closed).toEqual(['writer']);
  });

  it('twice is closing once', async () => {
    let times = 0;
    const stack = new ClosingStack();
    stack.add('app', () => (times += 1));
    await Promise.all([stack.close(100, logger), stack.close(100, logger)]);
    expect(times).toBe(1);
  });
});
