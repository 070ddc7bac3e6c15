import { Inject, Injectable } from '@nestjs/common';
import { METRICS } from '@customhouse/nest/tokens';
import { Counter, type Registry } from 'prom-client';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Step } from './calls-fold.js';

@Injectable()
export class AuditMetrics {
  private readonly events: Counter<'type'>;
  private readonly foreign: Counter;
  private readonly anomalies: Counter<'kind'>;
  private readonly lost: Counter;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.events = new Counter({ name: 'customhouse_audit_events_total', help: 'Events taken into the ledger.', labelNames: ['type'], registers });
    this.foreign = new Counter({ name: 'customhouse_audit_foreign_events_total', help: 'Events of a type or version that this software does not know, kept raw.', registers });
    this.anomalies = new Counter({ name: 'customhouse_audit_anomalies_total', help: 'Events that contradict the record of their call.', labelNames: ['kind'], registers });
    this.lost = new Counter({ name: 'customhouse_audit_closed_calls_total', help: 'Calls closed as lost because their process is gone.', registers });
  }

  took(events: readonly StoredEvent[], steps: readonly Step[]): void {
    for (const event of events) {
      // Types come from outside: only known ones become labels.
      if (event.foreign === undefined) this.events.inc({ type: event.type });
      else this.foreign.inc();
    }
    for (const { event, record } of steps) for (const anomaly of record.anomalies) if (anomaly.id === event.id) this.anomalies.inc({ kind: anomaly.kind });
  }

  closed(): void {
    this.lost.inc();
  }
}
