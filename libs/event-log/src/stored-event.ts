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
  /** When the log accepted it: Unix milliseconds, by the engine's clock. */
  readonly appended: number;
  /** The canonical bytes, as stored. Their SHA-256 is the event's hash. */
  readonly bytes: Uint8Array;
  /**
   * Set when this program cannot know the meaning: the type is not in its catalogue, or the version is newer. `data` is as
   * it was written then. A view stops or passes it over and says so; the ledger stores it raw.
   */
  readonly foreign?: 'unknown-type' | 'newer-version';
}
