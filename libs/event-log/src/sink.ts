import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import type { LogRecord, Position } from './port.js';

/** A fact to be recorded. The writer adds identity, time and chain, and makes the bytes. */
export interface NewEvent<D extends EventDeclaration = EventDeclaration> {
  readonly declaration: D;
  /** Stream id, for example `call-<ulid>`. */
  readonly subject: string;
  /** Decides the partition: the session for calls, the stream id elsewhere, the state key on state topics. */
  readonly key: string;
  readonly data: EventData<D>;
  /** Id of the event that caused this one. */
  readonly cause?: string;
  readonly traceparent?: string;
  /** Given by a caller that had to know it beforehand (the outbox). Made by the writer otherwise. */
  readonly id?: string;
  /** Unix milliseconds. Now, otherwise. */
  readonly time?: number;
}

export interface RecordedEvent {
  readonly id: string;
  readonly position: Position;
  /** Of the chain. Undefined on state topics. */
  readonly sequence: number | undefined;
  /** Of the chain that the event is in; the writer may be in another one by the time its caller looks. Absent on state topics. */
  readonly epoch?: string;
}

/** The event is certainly not in the log. */
export class LogRefused extends Error {
  override readonly name = 'LogRefused';
}

/** Nobody knows whether the event is in the log. It must never be acted on. */
export class LogIndeterminate extends Error {
  override readonly name = 'LogIndeterminate';
}

/** What services write events with: one per process, made by libs/nest and implemented by EventWriter (event-writer.ts). */
export interface EventSink {
  readonly instance: string;
  /** Changes when a new chain begins. */
  readonly epoch: string;
  /** Resolves when the event is durable, within the deadline (default 2000 ms). Rejects with LogRefused or LogIndeterminate. */
  append<D extends EventDeclaration>(event: NewEvent<D>, options?: { readonly timeout_ms?: number }): Promise<RecordedEvent>;
  /** Several in one batch, in order. Rejects if any of them was not stored. */
  appendAll(events: readonly NewEvent[], options?: { readonly timeout_ms?: number }): Promise<readonly RecordedEvent[]>;
  /** Puts a null value for a key of a state topic. */
  remove(topic: string, key: string, options?: { readonly timeout_ms?: number }): Promise<void>;
  /** Records that are not events of the catalogue (dead letters, the SIEM topic), as they are and unchained, in order. Rejects if any of them was not stored. */
  appendRaw(records: readonly LogRecord[], options?: { readonly timeout_ms?: number }): Promise<readonly Position[]>;
  /** False while the log refuses; new calls are refused at once then. */
  readonly writable: boolean;
}
