import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { sourceClosed, sourceHeartbeat, sourceStarted } from '@customhouse/events/source/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { BatchContext } from '@customhouse/nest/event-context';
import { rememberSigns, type Sign } from './writers.js';

export const writersGroup = 'approval.writers';

const signs: ReadonlySet<string> = new Set([sourceStarted.type, sourceHeartbeat.type, sourceClosed.type]);

/** Follows the signs of life of every process, to know which one can be told to run a call. */
@Controller()
export class WritersConsumer {
  @EventPattern<string>('*', Symbol.for(writersGroup), { batch: true })
  async onSources(@Payload() events: readonly StoredEvent[], @Ctx() { tx }: BatchContext): Promise<void> {
    await rememberSigns(
      tx,
      events
        .filter((event) => signs.has(event.type) && event.foreign === undefined)
        .map((event) => ({ ...(event.data as Omit<Sign, 'closed'>), closed: event.type === sourceClosed.type })),
    );
  }
}
