import { engineOrReason } from './modes/docker.js';
import { kills } from './scenarios/kills.js';

engineOrReason('services', kills);
