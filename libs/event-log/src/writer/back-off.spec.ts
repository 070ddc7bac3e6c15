import { describe, expect, it } from '@jest/globals';
import { BackOff } from './back-off.js';

describe('backing off', () => {
  const limits = { first_ms: 100, most_ms: 1000, steady_ms: 5000 };

  it('doubles up to its limit', () => {
    const backOff = new BackOff(limits);
    expect([0, 0, 0, 0, 0, 0].map(() => backOff.failed(0, 1))).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it('spreads those that failed together', () => {
    expect(new BackOff(limits).failed(0, 0)).toBe(50);
  });

  it('goes on where it was when the log worked only for a moment', () => {
    const backOff = new BackOff(limits);
    backOff.failed(0, 1);
    backOff.worked(100);
    expect(backOff.failed(200, 1)).toBe(200);
  });

  it('begins again when the log has worked for a while', () => {
    const backOff = new BackOff(limits);
    backOff.failed(0, 1);
    backOff.failed(0, 1);
    backOff.worked(1000);
    expect(backOff.failed(6000, 1)).toBe(100);
  });
});
