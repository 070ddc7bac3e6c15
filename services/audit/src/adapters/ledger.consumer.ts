import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { Outbox } from '@customhouse/event-store/outbox';
import type { BatchContext } from '@customhouse/nest/event-context';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import { toOcsf } from '../domain/ocsf.js';
import { foldCalls, type Step } from './calls-fold.js';
import { insertEvents } from './event-rows.js';
import { AuditMetrics } from './metrics.js';
import { rememberSigns } from './writers-view.js';

export const ledgerGroup = 'audit.ledger';
export const callsTopic = 'customhouse.calls';
/** Everything that is a fact. What we publish ourselves is made of these. */
export const ledgerTopics = [callsTopic, 'customhouse.registry', 'customhouse.policy', 'customhouse.findings', 'customhouse.approvals', 'customhouse.sources'];
/** Wakes the tails. */
export const ledgerChannel = 'customhouse_ledger';

const ocsfTopic = 'customhouse.audit.ocsf';

/** Takes every event into the ledger: raw, as part of its call, as a sign of life of its writer, and as a record for the SIEM. */
@Controller()
export class LedgerConsumer {
  private readonly outbox = new Outbox();

  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(AuditMetrics) private readonly metrics: AuditMetrics,
  ) {}

  @EventPattern<string>('*', Symbol.for(ledgerGroup), { batch: true })
  async onEvents(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const fresh = await insertEvents(context.tx, events);
    await rememberSigns(context.tx, fresh);
    const ofCalls = fresh.filter((event) => event.position.topic === callsTopic);
    const { steps, misfits } = await foldCalls(context.tx, 'calls', ofCalls);
    // They are in the ledger as they are; their call does not know of them.
    for (const { event, reason } of misfits) context.setAside(event, reason);
    if (this.settings.ocsf) await this.publish(context, steps);
    await context.tx.query('select pg_notify($1, current_schema())', [ledgerChannel]);
    context.afterCommit(() => this.metrics.took(fresh, steps));
  }

  private async publish(context: BatchContext, steps: readonly Step[]): Promise<void> {
    const records = steps.flatMap(({ fact, record }) => {
      // An event that contradicts its call says nothing about it.
      const contradicts = record.anomalies.some(({ id, kind }) => id === fact.origin.id && kind !== 'terminal-without-intent');
      const ocsf = contradicts ? undefined : toOcsf(record, fact);
      return ocsf ? [{ topic: ocsfTopic, key: record.call, value: Buffer.from(canonicalise(ocsf)), headers: { 'content-type': 'application/json' } }] : [];
    });
    await this.outbox.publishRaw(context.tx, records);
  }
}
