import { z } from 'zod';

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const Clock = z
  .string()
  .regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, 'a time of day is 00:00 to 23:59')
  .describe('Time of day in that time zone: `08:30`.');

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Recurring hours by the clock on some wall. */
export const Hours = z.strictObject({
  time_zone: z
    .string()
    .max(64)
    .regex(/^[A-Za-z]/, 'is a name of the IANA database such as Europe/Zurich')
    .refine(isTimeZone, 'is no time zone that is known here; names are those of the IANA database, such as Europe/Zurich')
    .describe('A name of the IANA time zone database: `Europe/Zurich`, `UTC`.'),
  days: z.array(z.enum(days)).min(1).max(7).optional().describe('Left out: every day. Hours past midnight belong to the day on which they begin.'),
  from: Clock,
  to: Clock.describe('The first minute that is outside. Not after `from`: the hours end on the next day; the same as `from`: the whole day.'),
});
export type Hours = z.infer<typeof Hours>;
