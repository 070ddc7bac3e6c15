import { Module, type DynamicModule } from '@nestjs/common';
import { CallsController } from './adapters/calls.controller.js';
import { Closer } from './adapters/closer.js';
import { EventsController } from './adapters/events.controller.js';
import { InstallationOnly } from './adapters/installation-only.js';
import { LedgerConsumer } from './adapters/ledger.consumer.js';
import { AuditMetrics } from './adapters/metrics.js';
import { PartitionKeeper } from './adapters/partition-keeper.js';
import { ProjectionsController } from './adapters/projections.controller.js';
import { Rebuilder } from './adapters/rebuild.js';
import { Streaming } from './adapters/streaming.js';
import { Tail } from './adapters/tail.js';
import { AUDIT_SETTINGS, type AuditSettings } from './config.js';

@Module({})
export class AuditModule {
  static with(settings: AuditSettings): DynamicModule {
    return {
      module: AuditModule,
      controllers: [CallsController, EventsController, ProjectionsController, LedgerConsumer],
      providers: [{ provide: AUDIT_SETTINGS, useValue: settings }, AuditMetrics, PartitionKeeper, Closer, Rebuilder, Streaming, Tail, InstallationOnly],
    };
  }
}
