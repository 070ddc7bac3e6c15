import { describe, expect, it, jest } from '@jest/globals';
import { Exchange, type ExchangeOptions } from './exchange.js';
import type { UpstreamAnswer, UpstreamFailed } from './upstream.js';

function exchange(options: Partial<ExchangeOptions>): { made: Exchange; ended: (UpstreamAnswer | UpstreamFailed)[] } {
  const ended: (UpstreamAnswer | UpstreamFailed)[] = [];
  const made = new Exchange(
    1,
    { timeout_ms: 100, max_bytes: 1_000, ...options },
    (answer) => ended.push(answer),
    (failure) => ended.push(failure),
  );
  return { made, ended };
}

describe('the time of an exchange', () => {
  it('ends it, and the server is told when something was sent', () => {
    jest.useFakeTimers();
    const abandoned: unknown[] = [];
    const { made, ended } = exchange({ onAbandoned: (id) => abandoned.push(id) });
    made.sent = 'maybe';
    jest.advanceTimersByTime(99);
    expect(ended).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(ended).toMatchObject([{ reason: 'timeout', sent: 'maybe' }]);
    expect(abandoned).toEqual([1]);
    jest.useRealTimers();
  });

  it('is longer as often as the caller gives more', () => {
    jest.useFakeTimers();
    const more = [50, 30, 0];
    const { ended } = exchange({ more_ms: () => more.shift()! });
    jest.advanceTimersByTime(179);
    expect(ended).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(ended).toMatchObject([{ reason: 'timeout' }]);
    expect(more).toEqual([]);
    jest.useRealTimers();
  });

  it('is not asked for again once there is an answer', () => {
    jest.useFakeTimers();
    let asked = 0;
    const { made, ended } = exchange({ more_ms: () => (asked += 1) });
    jest.advanceTimersByTime(100);
    made.answer({ jsonrpc: '2.0', id: 1, result: {} });
    jest.advanceTimersByTime(1_000);
    expect([asked, ended]).toEqual([1, [{ result: {} }]]);
    jest.useRealTimers();
  });
});
