import type { ServiceDefinition } from '@customhouse/nest/service';
import { requestsGroup } from './adapters/requests.js';
import { requestEntity } from './adapters/requests-view.js';
import { writersGroup } from './adapters/writers.consumer.js';
import { ApprovalModule } from './approval.module.js';
import { approvalSettings } from './config.js';

/** Asks people about held calls, and names the one process that ends each of them. */
export const approvalService: ServiceDefinition<typeof approvalSettings> = {
  name: 'approval',
  settings: approvalSettings,
  module: (settings) => ApprovalModule.with(settings),
  // The same from src/ and dist/.
  migrations: new URL('../migrations/', import.meta.url),
  entities: [requestEntity],
  consumers: [
    { group: requestsGroup, topics: ['customhouse.calls'] },
    { group: writersGroup, topics: ['customhouse.sources'] },
  ],
};
