import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { unixMilliseconds } from '@customhouse/kernel/time';
import type { BatchContext } from '@customhouse/nest/event-context';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { intents, recordedCall, type IntentData, type RecordedCall } from '../domain/recorded-call.js';
import { insertCalls } from './history-rows.js';

export const historyGroup = 'policy.history';
export const callsTopic = 'customhouse.calls';

/** Keeps recorded decisions with all that they were made on, for simulations and explanations. */
@Controller()
export class HistoryConsumer {
  constructor(@Inject(POLICY_SETTINGS) private readonly settings: PolicySettings) {}

  @EventPattern<string>('*', Symbol.for(historyGroup), { batch: true })
  async onEvents(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const oldest = Date.now() - this.settings.history_days * 86_400_000;
    const calls = intentsOf(events).filter((call) => call.time >= oldest);
    await insertCalls(context.tx, calls);
  }
}

/** The calls whose intent is among the events. Events that this version does not understand are passed over. */
export function intentsOf(events: readonly StoredEvent[]): readonly RecordedCall[] {
  return events
    .filter((event) => event.foreign === undefined && intents.has(event.type))
    .map((event) => recordedCall(event.data as IntentData, unixMilliseconds(event.envelope.time)));
}
