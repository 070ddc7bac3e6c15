/** Unix milliseconds as `2026-11-22T13:00:00.000Z`: one width, so that timestamps sort as text. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
