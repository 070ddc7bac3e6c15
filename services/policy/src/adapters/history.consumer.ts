import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { unixMilliseconds } from '@customhouse/kernel/time';
import type { BatchContext } from '@customhouse/nest/event-context';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { pastEvent, type PastEvent } from '../domain/past-event.js';
import { PartIds } from './history-parts.js';
import { insertPast } from './history-rows.js';

export const historyGroup = 'policy.history';
export const callsTopic = 'customhouse.calls';

/** Keeps recorded decisions with all that they were made on, and what changed later ones, for simulations and explanations. */
@Controller()
export class HistoryConsumer {
  private readonly parts = new PartIds();

  constructor(@Inject(POLICY_SETTINGS) private readonly settings: PolicySettings) {}

  @EventPattern<string>('*', Symbol.for(historyGroup), { batch: true })
  async onEvents(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const oldest = Date.now() - this.settings.history_days * 86_400_000;
    const past = pastOf(events).filter(({ time }) => time >= oldest);
    context.afterCommit(await insertPast(context.tx, past, this.parts));
  }
}

/** What the events tell of, of which each `tellsOfPast`. */
export function pastOf(events: readonly StoredEvent[]): readonly PastEvent[] {
  return events.map((event) => pastEvent(event, unixMilliseconds(event.envelope.time)));
}
