import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { type GatewayAddress, openUp, passage } from './conformance/passage.js';
import { EmbeddedGateway } from './modes/embedded.js';
import { ReferenceServer } from './reference-server/http.js';
import { matrix, type Passages } from './scenarios/matrix.js';
import { peers } from './scenarios/peers.js';

describe('the protocol, on a gateway that refuses nothing', () => {
  jest.setTimeout(60_000);
  // The scenarios change lists many times, and wait for the word of it.
  const gateway = new EmbeddedGateway({ CUSTOMHOUSE_REGISTRY_CHANGED_PAUSE_MS: '100' });
  let upstreams: ReferenceServer[] = [];
  let address: GatewayAddress;
  let passages: Passages;
  let reference: string;

  beforeAll(async () => {
    const [legacy, modern, both] = await Promise.all([ReferenceServer.start({ eras: 'legacy' }), ReferenceServer.start({ eras: 'modern' }), ReferenceServer.start()]);
    upstreams = [legacy, modern, both];
    await gateway.start();
    address = { origin: gateway.origin, api: gateway.api(), operatorKey: gateway.operatorKey };
    await openUp(address);
    passages = {
      direct: { legacy: legacy.url, modern: modern.url },
      through: { legacy: await passage(address, 'legacy', legacy.url), modern: await passage(address, 'modern', modern.url) },
    };
    reference = await passage(address, 'reference', both.url);
  }, 180_000);

  afterAll(async () => {
    await gateway.destroy();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  }, 120_000);

  matrix(() => passages);
  peers(
    () => address,
    () => reference,
  );
});
