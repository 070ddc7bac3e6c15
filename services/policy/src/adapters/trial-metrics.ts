import { Inject, Injectable } from '@nestjs/common';
import { Counter, type Registry } from 'prom-client';
import type { PolicyChange } from '@customhouse/http-contract/policy-trials';
import { METRICS } from '@customhouse/nest/tokens';

/** What an operator watches of trials: how the version in the shadow differs, and how simulations end. */
@Injectable()
export class TrialMetrics {
  private readonly shadowCalls: Counter;
  private readonly simulations: Counter;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.shadowCalls = new Counter({
      name: 'customhouse_policy_shadow_calls_total',
      help: 'Calls that the version in the shadow looked at, by what came out.',
      labelNames: ['change'],
      registers,
    });
    this.simulations = new Counter({ name: 'customhouse_policy_simulations_total', help: 'Simulations that ended.', labelNames: ['state'], registers });
  }

  shadowed(results: readonly (PolicyChange | 'unchanged' | 'undecided')[]): void {
    for (const change of results) this.shadowCalls.inc({ change });
  }

  simulated(state: 'finished' | 'failed'): void {
    this.simulations.inc({ state });
  }
}
