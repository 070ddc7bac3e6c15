import { Module, type DynamicModule } from '@nestjs/common';
import { Bundles } from './adapters/bundles.js';
import { Candidates } from './adapters/candidates.js';
import { CompiledVersions } from './adapters/compiled-versions.js';
import { Drafting } from './adapters/drafting.js';
import { ExplanationsController } from './adapters/explanations.controller.js';
import { HistoryKeeper } from './adapters/history-keeper.js';
import { HistoryConsumer } from './adapters/history.consumer.js';
import { InstallationOnly } from './adapters/installation-only.js';
import { PolicyMetrics } from './adapters/metrics.js';
import { PolicyController } from './adapters/policy.controller.js';
import { Publication } from './adapters/publication.js';
import { Rego } from './adapters/rego.js';
import { ShadowConsumer } from './adapters/shadow.consumer.js';
import { ShadowController } from './adapters/shadow.controller.js';
import { Shadows } from './adapters/shadows.js';
import { Signatures } from './adapters/signatures.js';
import { SigningController } from './adapters/signing.controller.js';
import { Signing } from './adapters/signing.js';
import { SimulationsController } from './adapters/simulations.controller.js';
import { Simulations } from './adapters/simulations.js';
import { SourcesController } from './adapters/sources.controller.js';
import { StartSet } from './adapters/start-set.js';
import { StopsController } from './adapters/stops.controller.js';
import { Stops } from './adapters/stops.js';
import { Tests } from './adapters/tests.js';
import { TrialMetrics } from './adapters/trial-metrics.js';
import { Versions } from './adapters/versions.js';
import { POLICY_SETTINGS, type PolicySettings } from './config.js';

@Module({})
export class PolicyModule {
  static with(settings: PolicySettings): DynamicModule {
    return {
      module: PolicyModule,
      controllers: [
        PolicyController,
        SourcesController,
        SigningController,
        StopsController,
        HistoryConsumer,
        ExplanationsController,
        SimulationsController,
        ShadowConsumer,
        ShadowController,
      ],
      providers: [
        { provide: POLICY_SETTINGS, useValue: settings },
        Signatures,
        Versions,
        Stops,
        Rego,
        Candidates,
        Tests,
        Drafting,
        Signing,
        Bundles,
        CompiledVersions,
        PolicyMetrics,
        StartSet,
        Publication,
        HistoryKeeper,
        InstallationOnly,
        Simulations,
        Shadows,
        TrialMetrics,
      ],
    };
  }
}
