import { Module, type DynamicModule } from '@nestjs/common';
import { CallsConsumer } from './adapters/calls.consumer.js';
import { DefinitionsConsumer } from './adapters/definitions.consumer.js';
import { FindingsController } from './adapters/findings.controller.js';
import { Findings } from './adapters/findings.js';
import { FindingMetrics } from './adapters/metrics.js';
import { SCANNER_SETTINGS, type ScannerSettings } from './config.js';

@Module({})
export class ScannerModule {
  static with(settings: ScannerSettings): DynamicModule {
    return {
      module: ScannerModule,
      controllers: [FindingsController, DefinitionsConsumer, CallsConsumer],
      providers: [{ provide: SCANNER_SETTINGS, useValue: settings }, Findings, FindingMetrics],
    };
  }
}
