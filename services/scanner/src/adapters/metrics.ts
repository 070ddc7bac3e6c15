import { Inject, Injectable } from '@nestjs/common';
import { Counter, type Registry } from 'prom-client';
import type { Finding } from '@customhouse/events/finding/finding';
import { METRICS } from '@customhouse/nest/tokens';

@Injectable()
export class FindingMetrics {
  private readonly found: Counter;
  private readonly closed: Counter;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.found = new Counter({
      name: 'customhouse_scanner_findings_total',
      help: 'Findings by what was looked at, rule and severity.',
      labelNames: ['kind', 'rule', 'severity'],
      registers,
    });
    this.closed = new Counter({ name: 'customhouse_scanner_unopened_total', help: 'Payloads that could not be looked at, by reason.', labelNames: ['reason'], registers });
  }

  raised(kind: string, findings: readonly Finding[]): void {
    for (const { rule, severity } of findings) this.found.inc({ kind, rule, severity });
  }

  unopened(reason: string): void {
    this.closed.inc({ reason });
  }
}
