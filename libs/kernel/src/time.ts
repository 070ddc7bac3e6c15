/** The last millisecond that has a year of four digits. */
const latest = 253_402_300_799_999;

/** Unix milliseconds as `2026-11-22T13:00:00.000Z`: one width, so that timestamps sort as text. Throws RangeError outside the years 1970 to 9999. */
export function timestamp(milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds <= latest)) throw new RangeError(`${milliseconds} is not a time in Unix milliseconds`);
  const whole = Math.trunc(milliseconds);
  const fraction = whole % 1000;
  return `${upToSecond(whole - fraction)}${fraction < 10 ? '00' : fraction < 100 ? '0' : ''}${fraction}Z`;
}

/** Of two seconds, because an event tells when it is and by when something must have happened. */
const seconds: { time: number; text: string }[] = [
  { time: -1, text: '' },
  { time: -1, text: '' },
];

/** `2026-11-22T13:00:00.`, which many timestamps in a row have in common: the calendar is the costly part. */
function upToSecond(time: number): string {
  const [last, other] = seconds as [(typeof seconds)[0], (typeof seconds)[0]];
  if (last.time === time) return last.text;
  if (other.time !== time) {
    other.time = time;
    other.text = new Date(time).toISOString().slice(0, -4);
  }
  seconds.reverse();
  return other.text;
}

/** The Unix milliseconds of a timestamp as `timestamp` writes it. Throws RangeError for any other form, and for days that do not exist. */
export function unixMilliseconds(text: string): number {
  const milliseconds = Date.parse(text);
  if (!(milliseconds >= 0 && milliseconds <= latest) || new Date(milliseconds).toISOString() !== text)
    throw new RangeError(`${JSON.stringify(text)} is not a timestamp like 2026-11-22T13:00:00.000Z`);
  return milliseconds;
}
