import { partitionKey, type Position } from '../port.js';

/**
 * Acknowledged offsets of one writer must grow. A client that acknowledges a batch with the offset of an older one has lost
 * it (idempotent producers that reuse a sequence do), and nothing else in the answer shows it.
 */
export class OffsetGuard {
  private readonly last = new Map<string, number>();

  /** What is wrong with an acknowledged position, if anything. */
  check(position: Position): string | undefined {
    const name = partitionKey(position.topic, position.partition);
    const last = this.last.get(name);
    if (!Number.isSafeInteger(position.offset) || position.offset < 0) return `${position.topic}/${position.partition} acknowledged the impossible offset ${position.offset}`;
    if (last !== undefined && position.offset <= last) return `${position.topic}/${position.partition} acknowledged offset ${position.offset} after ${last}`;
    this.last.set(name, position.offset);
    return undefined;
  }
}
