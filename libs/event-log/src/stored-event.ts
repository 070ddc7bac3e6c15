import type { Envelope } from '@customhouse/events/envelope';
import type { Position } from './port.js';

/** An event as it came from the log, parsed and upcast to the current version. */
export interface StoredEvent<Data = unknown> {
  readonly id: string;
  /** Without prefix and version: `call.admitted`. */
  readonly type: string;
  /** The version it was written in. */
  readonly version: number;
  readonly envelope: Envelope;
  readonly data: Data;
  readonly key: string;
  readonly position: Position;
  /** The canonical bytes, as stored. Their SHA-256 is the event's hash. */
  readonly bytes: Uint8Array;
}
