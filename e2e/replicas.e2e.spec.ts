import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { openUp, passage } from './conformance/passage.js';
import { ReplicatedGateway } from './modes/replicas.js';
import { TruthServer } from './peers/truth.js';
import { ReferenceServer } from './reference-server/http.js';
import { allScenarios } from './scenarios/all.js';
import { matrix, type Passages } from './scenarios/matrix.js';
import { replicaDeath } from './scenarios/replicas.js';

describe('the protocol, at two ingress processes behind a plain round robin', () => {
  jest.setTimeout(60_000);
  let gateway: ReplicatedGateway;
  let truth: TruthServer;
  let upstreams: ReferenceServer[] = [];
  let passages: Passages;

  beforeAll(async () => {
    gateway = await ReplicatedGateway.create();
    const [legacy, modern] = await Promise.all([ReferenceServer.start({ eras: 'legacy' }), ReferenceServer.start({ eras: 'modern' })]);
    upstreams = [legacy, modern];
    truth = await TruthServer.start();
    await gateway.start();
    const address = { origin: gateway.origin, api: gateway.api(), operatorKey: gateway.operatorKey };
    await openUp(address);
    passages = {
      direct: { legacy: legacy.url, modern: modern.url },
      through: { legacy: await passage(address, 'legacy', legacy.url), modern: await passage(address, 'modern', modern.url) },
    };
    await passage(address, 'truth', `http://127.0.0.1:${truth.port}/mcp`);
  }, 180_000);

  afterAll(async () => {
    await gateway?.destroy();
    await Promise.all([truth, ...upstreams].map((upstream) => upstream?.close()));
  }, 120_000);

  matrix(() => passages);
  replicaDeath(
    () => gateway,
    () => truth,
  );
});

allScenarios(
  'replicas',
  async () => {
    const gateway = await ReplicatedGateway.create();
    await gateway.start();
    return gateway;
  },
  240_000,
);
