import { Module, type DynamicModule } from '@nestjs/common';
import { Connections } from './adapters/connections.js';
import { Discovery } from './adapters/discovery.js';
import { FileLoader } from './adapters/file-loader.js';
import { KeysController } from './adapters/keys.controller.js';
import { Keys } from './adapters/keys.js';
import { OffersController } from './adapters/offers.controller.js';
import { RegistryMetrics } from './adapters/metrics.js';
import { ServersController } from './adapters/servers.controller.js';
import { Servers } from './adapters/servers.js';
import { ToolsetsController } from './adapters/toolsets.controller.js';
import { Toolsets } from './adapters/toolsets.js';
import { REGISTRY_SETTINGS, type RegistrySettings } from './config.js';

@Module({})
export class RegistryModule {
  static with(settings: RegistrySettings): DynamicModule {
    return {
      module: RegistryModule,
      controllers: [ServersController, OffersController, ToolsetsController, KeysController],
      providers: [{ provide: REGISTRY_SETTINGS, useValue: settings }, Servers, Toolsets, Keys, RegistryMetrics, Connections, FileLoader, Discovery],
    };
  }
}
