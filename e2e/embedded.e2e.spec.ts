import { EmbeddedGateway } from './modes/embedded.js';
import { allScenarios } from './scenarios/all.js';

allScenarios(
  'embedded',
  async () => {
    const gateway = new EmbeddedGateway();
    await gateway.start();
    return gateway;
  },
  180_000,
);
