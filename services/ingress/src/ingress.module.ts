import { Inject, Module, type BeforeApplicationShutdown, type DynamicModule, type OnApplicationBootstrap } from '@nestjs/common';
import type { HostSettings } from '@customhouse/nest/config';
import type { Health } from '@customhouse/nest/health';
import { EVENT_LOG, EVENT_SINK, HEALTH, HOST_SETTINGS, KEY_DIRECTORY, LOGGER, METRICS, SEALER } from '@customhouse/nest/tokens';
import type { IngressSettings } from './config.js';
import { Ingress, type IngressHost } from './ingress.js';

/** Nest serves everything but calls: it starts and stops the ingress, and says whether it is ready. */
@Module({})
export class IngressModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(Ingress) private readonly ingress: Ingress,
    @Inject(HEALTH) health: Health,
  ) {
    health.add('ingress-state', () => ingress.checkReady());
  }

  static with(settings: IngressSettings): DynamicModule {
    return {
      module: IngressModule,
      providers: [
        {
          provide: Ingress,
          inject: [EVENT_LOG, EVENT_SINK, SEALER, KEY_DIRECTORY, LOGGER, METRICS, HOST_SETTINGS],
          useFactory: (
            log: IngressHost['log'],
            sink: IngressHost['sink'],
            sealer: IngressHost['sealer'],
            keys: IngressHost['keys'],
            logger: IngressHost['logger'],
            registry: IngressHost['registry'],
            { development, tenant }: HostSettings,
          ) => new Ingress({ settings, log, sink, sealer, keys, logger, registry, development, tenant }),
        },
      ],
      exports: [Ingress],
    };
  }

  onApplicationBootstrap(): Promise<void> {
    return this.ingress.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.ingress.stop();
  }
}
