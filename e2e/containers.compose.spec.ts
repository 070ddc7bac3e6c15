import { ComposeGateway } from './modes/compose.js';
import { engineOrReason } from './modes/docker.js';
import { allScenarios } from './scenarios/all.js';

engineOrReason('compose', () => allScenarios('compose', () => ComposeGateway.start(), 1_200_000));
