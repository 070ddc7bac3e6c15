import { describe, expect, it } from '@jest/globals';
import { advance, hear, isGone, longestTick_ms, type LogClock, type Sign, type Writer } from './writers.js';

const silence_ms = 60_000;
const clock = (active: number): LogClock => ({ newest: 1, active });
const sign = (kind: Sign['kind'], epoch: string): Sign => ({ instance: 'ingress-1', epoch, kind });
const after = (...signs: Sign[]): Writer | undefined => signs.reduce<Writer | undefined>((writer, each) => hear(writer, each, clock(0)), undefined);
const gone = (epoch: string, writer: Writer | undefined, active = 0) => isGone({ instance: 'ingress-1', epoch }, writer, clock(active), silence_ms);

describe('a process', () => {
  it.each<[string, Sign[], string, boolean]>([
    ['that writes is not gone', [sign('start', '100'), sign('other', '100')], '100', false],
    ['that closed its chain is gone', [sign('start', '100'), sign('closed', '100')], '100', true],
    ['that was started anew is gone', [sign('start', '100'), sign('start', '200')], '100', true],
    ['whose chain began anew is the same one', [sign('start', '100'), sign('new-epoch', '200')], '100', false],
    ['whose chain began anew and was then closed is gone, in all its epochs', [sign('start', '100'), sign('new-epoch', '200'), sign('closed', '200')], '100', true],
    ['that took the place of a closed one is not gone', [sign('start', '100'), sign('closed', '100'), sign('start', '200')], '200', false],
    ['is not gone because an older one is heard of late', [sign('start', '200'), sign('start', '100'), sign('closed', '100')], '200', false],
    ['is gone also when its own close is heard after its successor', [sign('start', '200'), sign('closed', '100')], '100', true],
    ['whose start was never seen is taken for alive', [sign('other', '100')], '100', false],
    ['of a later epoch than any that was heard of is taken for alive', [sign('start', '100'), sign('closed', '100')], '300', false],
  ])('%s', (_, signs, epoch, expected) => {
    expect(gone(epoch, after(...signs))).toBe(expected);
  });

  it('that nobody has heard of is taken for alive', () => {
    expect(gone('100', undefined, 10 * silence_ms)).toBe(false);
  });

  it('is gone after the limit of silence, and not a moment earlier', () => {
    const writer = after(sign('start', '100'));
    expect(gone('100', writer, silence_ms - 1)).toBe(false);
    expect(gone('100', writer, silence_ms)).toBe(true);
  });

  it('is alive again with the next sign of life', () => {
    const writer = hear(after(sign('start', '100')), sign('other', '100'), clock(silence_ms));
    expect(gone('100', writer, silence_ms + 1)).toBe(false);
  });

  it('gives the same picture in whatever order its signs of different epochs are heard', () => {
    const signs = [sign('start', '100'), sign('new-epoch', '150'), sign('start', '200'), sign('closed', '200'), sign('other', '100')];
    const orders = signs.map((_, index) => [...signs.slice(index), ...signs.slice(0, index)]);
    const pictures = orders.map((order) => {
      const writer = after(...order)!;
      return [writer.run, writer.epoch, gone('100', writer), gone('150', writer)];
    });
    expect(new Set(pictures.map(String)).size).toBe(1);
  });
});

describe('the clock of the log', () => {
  it('runs with the events, and stands still while there are none', () => {
    let time: LogClock = { newest: 0, active: 0 };
    for (const appended of [1_000_000, 1_005_000, 1_010_000]) time = advance(time, appended);
    expect(time.active).toBe(10_000);
    // An outage of an hour.
    time = advance(time, 4_610_000);
    expect(time.active).toBe(10_000 + longestTick_ms);
  });

  it('never goes back', () => {
    const time = advance({ newest: 5_000, active: 100 }, 4_000);
    expect(time).toEqual({ newest: 5_000, active: 100 });
  });
});
