import { describe, expect, it } from '@jest/globals';
import { Breaker } from './breaker.js';

describe('the breaker', () => {
  it('permits everything until there are enough failures in a row', () => {
    const breaker = new Breaker(3, 1_000);
    breaker.failed(0);
    breaker.failed(0);
    breaker.succeeded();
    breaker.failed(0);
    breaker.failed(0);
    expect(breaker.permits(0)).toBe(true);
    breaker.failed(0);
    expect(breaker.permits(0)).toBe(false);
    expect(breaker.open).toBe(true);
  });

  it('lets one call try after its time, and the others once that one succeeded', () => {
    const breaker = new Breaker(1, 1_000);
    breaker.failed(0);
    expect(breaker.permits(999)).toBe(false);
    expect(breaker.permits(1_000)).toBe(true);
    expect(breaker.permits(1_000)).toBe(false);
    breaker.succeeded();
    expect(breaker.permits(1_000)).toBe(true);
    expect(breaker.open).toBe(false);
  });

  it('waits again when the try fails', () => {
    const breaker = new Breaker(1, 1_000);
    breaker.failed(0);
    breaker.permits(1_000);
    breaker.failed(1_100);
    expect(breaker.permits(2_000)).toBe(false);
    expect(breaker.permits(2_100)).toBe(true);
  });

  it('lets another call try when the first was cancelled', () => {
    const breaker = new Breaker(1, 1_000);
    breaker.failed(0);
    breaker.permits(1_000);
    breaker.undecided();
    expect(breaker.permits(1_000)).toBe(true);
  });
});
