import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PauseWatch } from './pause-watch.js';

describe('a process that did not run for a while', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 1_000 }));
  afterEach(() => void jest.useRealTimers());

  /** Time passes and no timer fires, as when a process is stopped. */
  const stopFor = (ms: number): void => void jest.setSystemTime(Date.now() + ms);
  const runFor = (ms: number): void => void jest.advanceTimersByTime(ms);

  it('is noticed by whoever asks first after it', () => {
    jest.spyOn(performance, 'now').mockImplementation(() => Date.now());
    const watch = new PauseWatch(4_000);
    const before = Date.now();
    runFor(60_000);
    expect(watch.pausedSince(before)).toBe(false);
    stopFor(30_000);
    expect(watch.pausedSince(before)).toBe(true);
    expect(watch.pausedSince(Date.now())).toBe(false);
    runFor(60_000);
    expect(watch.pausedSince(before)).toBe(true);
    watch.close();
  });

  it('is not a process that was only busy', () => {
    jest.spyOn(performance, 'now').mockImplementation(() => Date.now());
    const watch = new PauseWatch(4_000);
    stopFor(2_000);
    expect(watch.pausedSince(0)).toBe(false);
    watch.close();
  });
});
