import type { EntityManager } from 'typeorm';
import type { Position } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';

/** What a handler gets as `@Ctx()`. All that it writes through `tx` is committed with the position of its group, or not at all. */
export interface EventContext {
  readonly tx: EntityManager;
  readonly event: StoredEvent;
  readonly position: Position;
  /** Runs after the commit, and not at all when there is none: for what others may only learn when it is durable. It must not throw. */
  afterCommit(effect: () => void): void;
}

/** The context of a handler that takes a whole batch: `@EventPattern('*', Symbol.for(group), { batch: true })` with `StoredEvent[]` as payload. */
export interface BatchContext extends Omit<EventContext, 'event' | 'position'> {
  /** Keeps the record of one event as a dead letter and goes on with the others. */
  setAside(event: StoredEvent, reason: string): void;
}
