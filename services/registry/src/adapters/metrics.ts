import { Inject, Injectable } from '@nestjs/common';
import { Counter, Histogram, type Registry } from 'prom-client';
import { METRICS } from '@customhouse/nest/tokens';

@Injectable()
export class RegistryMetrics {
  private readonly took: Histogram;
  private readonly keys: Counter;

  constructor(@Inject(METRICS) registry: Registry) {
    const registers = [registry];
    this.took = new Histogram({
      name: 'customhouse_registry_discovery_seconds',
      help: 'Discoveries of servers by result.',
      labelNames: ['result'],
      buckets: [0.01, 0.05, 0.2, 1, 5, 20, 60],
      registers,
    });
    this.keys = new Counter({ name: 'customhouse_registry_keys_total', help: 'API keys issued and revoked.', labelNames: ['done'], registers });
  }

  discovered(result: 'reached' | 'lost', took_ms: number): void {
    this.took.observe({ result }, took_ms / 1000);
  }

  keyDone(done: 'issued' | 'revoked'): void {
    this.keys.inc({ done });
  }
}
