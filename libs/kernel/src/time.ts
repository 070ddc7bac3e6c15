/** The last millisecond that has a year of four digits. */
const latest = 253_402_300_799_999;

/** Unix milliseconds as `2026-11-22T13:00:00.000Z`: one width, so that timestamps sort as text. Throws RangeError outside the years 1970 to 9999. */
export function timestamp(milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds <= latest)) throw new RangeError(`${milliseconds} is not a time in Unix milliseconds`);
  return new Date(milliseconds).toISOString();
}

/** The Unix milliseconds of a timestamp as `timestamp` writes it. Throws RangeError for any other form, and for days that do not exist. */
export function unixMilliseconds(text: string): number {
  const milliseconds = Date.parse(text);
  if (!(milliseconds >= 0 && milliseconds <= latest) || new Date(milliseconds).toISOString() !== text)
    throw new RangeError(`${JSON.stringify(text)} is not a timestamp like 2026-11-22T13:00:00.000Z`);
  return milliseconds;
}
