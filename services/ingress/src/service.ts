import type { ServiceDefinition } from '@customhouse/nest/service';
import { ingressSettings } from './config.js';
import { IngressModule } from './ingress.module.js';

/** The ingress as a host sees it. It has no database and follows no group: its state comes from compacted topics. */
export const ingressService: ServiceDefinition<typeof ingressSettings> = {
  name: 'ingress',
  settings: ingressSettings,
  module: (settings) => IngressModule.with(settings),
};
