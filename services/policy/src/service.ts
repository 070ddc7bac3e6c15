import type { ServiceDefinition } from '@customhouse/nest/service';
import { callsTopic, historyGroup } from './adapters/history.consumer.js';
import { noShadow, shadowGroup } from './adapters/shadows.js';
import { stopEntity } from './adapters/stops-view.js';
import { versionEntity } from './adapters/versions-view.js';
import { policySettings } from './config.js';
import { tellsOfPast } from './domain/past-event.js';
import { PolicyModule } from './policy.module.js';

/** Simulations and explanations may be that late, and the report of a shadow later still: a transaction for each batch of a busy ingress would cost as much as its calls. */
const linger_ms = { history: 250, shadow: 1_000 };

/** Keeps the versions of the policy, and says which one decides. */
export const policyService: ServiceDefinition<typeof policySettings> = {
  name: 'policy',
  settings: policySettings,
  module: (settings) => PolicyModule.with(settings),
  // The same from src/ and dist/.
  migrations: new URL('../migrations/', import.meta.url),
  entities: [stopEntity, versionEntity],
  // A call has one intent, which the table of them drops duplicates by.
  consumers: [
    { group: historyGroup, topics: [callsTopic], wants: tellsOfPast, dedupe: false, linger_ms: linger_ms.history },
    { group: shadowGroup, topics: [callsTopic], wants: tellsOfPast, atRest: noShadow, linger_ms: linger_ms.shadow },
  ],
};
