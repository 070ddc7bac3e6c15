import { Module, type DynamicModule } from '@nestjs/common';
import { CompiledVersions } from './adapters/compiled-versions.js';
import { Drafting } from './adapters/drafting.js';
import { PolicyMetrics } from './adapters/metrics.js';
import { PolicyController } from './adapters/policy.controller.js';
import { Publication } from './adapters/publication.js';
import { StartSet } from './adapters/start-set.js';
import { StopsController } from './adapters/stops.controller.js';
import { Stops } from './adapters/stops.js';
import { Versions } from './adapters/versions.js';
import { POLICY_SETTINGS, type PolicySettings } from './config.js';

@Module({})
export class PolicyModule {
  static with(settings: PolicySettings): DynamicModule {
    return {
      module: PolicyModule,
      controllers: [PolicyController, StopsController],
      providers: [{ provide: POLICY_SETTINGS, useValue: settings }, Versions, Stops, Drafting, CompiledVersions, PolicyMetrics, StartSet, Publication],
    };
  }
}
