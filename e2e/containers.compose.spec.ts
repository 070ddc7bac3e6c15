import { ComposeGateway } from './modes/compose.js';
import { engineOrReason } from './modes/docker.js';
import { allScenarios } from './scenarios/all.js';
import { protocol } from './scenarios/protocol.js';

engineOrReason('compose', () => {
  allScenarios('compose', () => ComposeGateway.start(), 1_200_000);
  protocol('compose', () => ComposeGateway.start({ build: false }), 600_000);
});
