import { registryRoutes } from '@customhouse/http-contract/registry';
import type { ServiceDefinition } from '@customhouse/nest/service';
import { offerEntity, serverEntity } from './adapters/catalog-view.js';
import { toolsetEntity } from './adapters/toolsets-view.js';
import { keyEntity } from './adapters/keys-view.js';
import { registrySettings } from './config.js';
import { RegistryModule } from './registry.module.js';

/** Keeps the servers, what they offer, the toolsets and the API keys, and publishes them. */
export const registryService: ServiceDefinition<typeof registrySettings> = {
  name: 'registry',
  settings: registrySettings,
  module: (settings) => RegistryModule.with(settings),
  routes: registryRoutes,
  // The same from src/ and dist/.
  migrations: new URL('../migrations/', import.meta.url),
  entities: [serverEntity, offerEntity, toolsetEntity, keyEntity],
};
