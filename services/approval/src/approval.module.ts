import { Module, type DynamicModule } from '@nestjs/common';
import { ApprovalsController } from './adapters/approvals.controller.js';
import { CallsConsumer } from './adapters/calls.consumer.js';
import { Caretaker } from './adapters/caretaker.js';
import { RequestMetrics } from './adapters/metrics.js';
import { Previews } from './adapters/preview.js';
import { Requests } from './adapters/requests.js';
import { WritersConsumer } from './adapters/writers.consumer.js';
import { APPROVAL_SETTINGS, type ApprovalSettings } from './config.js';

@Module({})
export class ApprovalModule {
  static with(settings: ApprovalSettings): DynamicModule {
    return {
      module: ApprovalModule,
      controllers: [ApprovalsController, CallsConsumer, WritersConsumer],
      providers: [
        { provide: APPROVAL_SETTINGS, useValue: settings },
        { provide: Requests, useFactory: () => new Requests(settings.silence_ms) },
        RequestMetrics,
        Previews,
        Caretaker,
      ],
    };
  }
}
