import { auditRoutes } from '@customhouse/http-contract/audit';
import type { ServiceDefinition } from '@customhouse/nest/service';
import { ledgerGroup, ledgerTopics } from './adapters/ledger.consumer.js';
import { AuditModule } from './audit.module.js';
import { auditSettings } from './config.js';

/** The ledger: everything that happened, searchable, exportable, and closed where a process died. */
export const auditService: ServiceDefinition<typeof auditSettings> = {
  name: 'audit',
  settings: auditSettings,
  module: (settings) => AuditModule.with(settings),
  // The same from src/ and dist/.
  migrations: new URL('../migrations/', import.meta.url),
  routes: auditRoutes,
  // The table of events drops duplicates for ever.
  consumers: [{ group: ledgerGroup, topics: ledgerTopics, dedupe: false }],
};
