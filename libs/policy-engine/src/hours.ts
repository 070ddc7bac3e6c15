import { days, type Hours } from '@customhouse/policy-contract/hours';

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Whether a moment (Unix milliseconds) lies in recurring hours, by the clock of their time zone. Hours past midnight belong to the day on which they begin. */
export function isWithin(hours: Hours, time: number): boolean {
  const { day, minute } = readingOf(hours.time_zone, time);
  const from = minuteOf(hours.from);
  const to = minuteOf(hours.to);
  const isOn = (number: number): boolean => hours.days === undefined || hours.days.includes(days[(number + 7) % 7]!);
  if (from < to) return minute >= from && minute < to && isOn(day);
  return minute >= from ? isOn(day) : minute < to && isOn(day - 1);
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

/** What the clock on the wall shows: the day of the week, from Monday, and the minute of the day. */
function readingOf(timeZone: string, time: number): { readonly day: number; readonly minute: number } {
  let clock = clocks.get(timeZone);
  if (clock === undefined) clocks.set(timeZone, (clock = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })));
  const part = Object.fromEntries(clock.formatToParts(time).map(({ type, value }) => [type, value]));
  return { day: days.findIndex((day) => day === part['weekday']!.toLowerCase()), minute: Number(part['hour']) * 60 + Number(part['minute']) };
}
