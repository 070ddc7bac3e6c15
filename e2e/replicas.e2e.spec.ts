import { afterAll, beforeAll } from '@jest/globals';
import { passage } from './conformance/passage.js';
import { ReplicatedGateway } from './modes/replicas.js';
import { TruthServer } from './peers/truth.js';
import { allScenarios } from './scenarios/all.js';
import { protocol } from './scenarios/protocol.js';
import { replicaDeath } from './scenarios/replicas.js';

async function replicas(): Promise<ReplicatedGateway> {
  const gateway = await ReplicatedGateway.create();
  await gateway.start();
  return gateway;
}

protocol('replicas', replicas, 180_000, (current) => {
  let truth: TruthServer;

  beforeAll(async () => {
    truth = await TruthServer.start();
    await passage(current().address, 'truth', `http://127.0.0.1:${truth.port}/mcp`);
  }, 60_000);
  afterAll(() => truth.close());

  replicaDeath(
    () => current().gateway,
    () => truth,
  );
});

allScenarios('replicas', replicas, 240_000);
