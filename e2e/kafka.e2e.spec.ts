import { engineOrReason } from './modes/docker.js';
import { KafkaGateway } from './modes/kafka.js';
import { allScenarios } from './scenarios/all.js';

engineOrReason('kafka', () =>
  allScenarios(
    'kafka',
    async () => {
      const gateway = await KafkaGateway.create();
      await gateway.start();
      return gateway;
    },
    240_000,
  ),
);
