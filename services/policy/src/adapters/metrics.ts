import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, type Registry } from 'prom-client';
import { METRICS } from '@customhouse/nest/tokens';

/** What an operator watches: which version decides, and how often that changes. */
@Injectable()
export class PolicyMetrics {
  private readonly drafts: Counter;
  private readonly activations: Counter;
  private readonly active: Gauge;
  private readonly stops: Gauge;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.drafts = new Counter({ name: 'customhouse_policy_drafts_total', help: 'Versions of the policy that were stored or refused.', labelNames: ['result'], registers });
    this.activations = new Counter({ name: 'customhouse_policy_activations_total', help: 'Versions of the policy that began to decide, rollbacks included.', registers });
    this.stops = new Gauge({ name: 'customhouse_policy_stops', help: 'Stops in force.', registers });
    this.active = new Gauge({ name: 'customhouse_policy_active_version', help: 'Number of the version of the policy that decides.', registers });
  }

  drafted(result: 'stored' | 'invalid-rules' | 'cases-failed'): void {
    this.drafts.inc({ result });
  }

  activated(number: number): void {
    this.activations.inc();
    this.active.set(number);
  }

  stopped(count: number): void {
    this.stops.set(count);
  }

  isActive(number: number): void {
    this.active.set(number);
  }
}
