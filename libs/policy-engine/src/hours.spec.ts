import { describe, expect, it } from '@jest/globals';
import { isWithin } from './hours.js';

// 2026-01-05 is a Monday.
const office = { time_zone: 'Europe/Zurich', days: ['mon', 'tue', 'wed', 'thu', 'fri'] as ('mon' | 'tue' | 'wed' | 'thu' | 'fri')[], from: '08:00', to: '18:00' };
const night = { time_zone: 'UTC', days: ['fri'] as 'fri'[], from: '22:00', to: '06:00' };

describe('recurring hours', () => {
  it.each([
    ['before they begin', office, '2026-01-05T06:59:59Z', false],
    ['in the first minute', office, '2026-01-05T07:00:00Z', true],
    ['in the last minute', office, '2026-01-05T16:59:59Z', true],
    ['when they are over', office, '2026-01-05T17:00:00Z', false],
    ['on another day', office, '2026-01-04T10:00:00Z', false],
    ['in summer, when the clock is another', office, '2026-07-06T06:00:00Z', true],
    ['in summer, an hour before', office, '2026-07-06T05:59:00Z', false],
    ['in the evening of a night', night, '2026-01-09T22:00:00Z', true],
    ['in the morning after', night, '2026-01-10T05:59:00Z', true],
    ['at the end of the night', night, '2026-01-10T06:00:00Z', false],
    ['in the morning before, which belongs to the day before', night, '2026-01-09T05:00:00Z', false],
    ['on the evening after', night, '2026-01-10T23:00:00Z', false],
    ['at midnight', { time_zone: 'UTC', from: '00:00', to: '00:00' }, '2026-01-05T00:00:00Z', true],
    ['at any time of a whole day', { time_zone: 'UTC', from: '09:00', to: '09:00' }, '2026-01-05T03:00:00Z', true],
    ['on the day of the time zone, not that of UTC', { time_zone: 'Asia/Tokyo', days: ['tue'] as 'tue'[], from: '00:00', to: '12:00' }, '2026-01-05T16:00:00Z', true],
    ['in a zone with half an hour', { time_zone: 'Asia/Kolkata', from: '05:30', to: '05:31' }, '2026-01-05T00:00:00Z', true],
  ])('%s', (_, hours, time, within) => {
    expect(isWithin(hours, Date.parse(time))).toBe(within);
  });
});
