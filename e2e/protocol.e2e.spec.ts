import { afterAll, beforeAll } from '@jest/globals';
import { passage } from './conformance/passage.js';
import { engineOrReason } from './modes/docker.js';
import { EmbeddedGateway } from './modes/embedded.js';
import { KafkaGateway } from './modes/kafka.js';
import { ReferenceServer } from './reference-server/http.js';
import { peers } from './scenarios/peers.js';
import { protocol, type Thoroughfare } from './scenarios/protocol.js';

// The scenarios change lists many times, and wait for the word of it.
const settings = { CUSTOMHOUSE_REGISTRY_CHANGED_PAUSE_MS: '100' };

async function embedded(): Promise<EmbeddedGateway> {
  const gateway = new EmbeddedGateway(settings);
  await gateway.start();
  return gateway;
}

async function kafka(): Promise<KafkaGateway> {
  const gateway = await KafkaGateway.create(settings);
  await gateway.start();
  return gateway;
}

/** What people use, by the reference server that speaks both eras. */
function withPeers(current: () => Thoroughfare<EmbeddedGateway>): void {
  let both: ReferenceServer | undefined;
  let reference: string;

  beforeAll(async () => {
    both = await ReferenceServer.start();
    reference = await passage(current().address, 'reference', both.url);
  }, 60_000);
  afterAll(() => both?.close());

  peers(
    () => current().address,
    () => reference,
  );
}

protocol('embedded', embedded, 180_000, withPeers);
engineOrReason('kafka', () => protocol('kafka', kafka, 240_000, withPeers));
