import { scannerRoutes } from '@customhouse/http-contract/scanner';
import type { ServiceDefinition } from '@customhouse/nest/service';
import { callsGroup } from './adapters/calls.consumer.js';
import { definitionsGroup } from './adapters/definitions.consumer.js';
import { findingEntity } from './adapters/findings-view.js';
import { scannerSettings } from './config.js';
import { ScannerModule } from './scanner.module.js';

/** Looks for what is dangerous where nobody waits for the answer. */
export const scannerService: ServiceDefinition<typeof scannerSettings> = {
  name: 'scanner',
  settings: scannerSettings,
  module: (settings) => ScannerModule.with(settings),
  routes: scannerRoutes,
  // The same from src/ and dist/.
  migrations: new URL('../migrations/', import.meta.url),
  entities: [findingEntity],
  consumers: [
    { group: definitionsGroup, topics: ['customhouse.registry'] },
    { group: callsGroup, topics: ['customhouse.calls'] },
  ],
};
