import { timestamp } from '@customhouse/kernel/time';
import { ulid } from '@customhouse/kernel/ulid';

/** A range of ULIDs, and with that of time: events and calls are kept in one table for each. */
export interface PartitionRange {
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  /** First ULID of the range, and first after it. */
  readonly fromId: string;
  readonly toId: string;
  /** `20261122`: the first day. */
  readonly name: string;
}

const day_ms = 86_400_000;

/** The ranges to have at a time: the one before, the present one, and some ahead. All instances with the same width come to the same borders. */
export function rangesAround(now: number, days: number, ahead: number): PartitionRange[] {
  const width = days * day_ms;
  const present = Math.floor(now / width);
  return Array.from({ length: ahead + 2 }, (_, index) => {
    const from = (present - 1 + index) * width;
    const to = from + width;
    return { from, to, fromId: lowestId(from), toId: lowestId(to), name: timestamp(from).slice(0, 10).replaceAll('-', '') };
  });
}

/** The lowest ULID of a time: every id made then or later sorts after it. */
export function lowestId(time: number): string {
  return ulid(Math.max(0, Math.floor(time)), new Uint8Array(10));
}
