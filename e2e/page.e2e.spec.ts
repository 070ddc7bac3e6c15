import { engineOrReason } from './modes/docker.js';
import { EmbeddedGateway } from './modes/embedded.js';
import { KafkaGateway } from './modes/kafka.js';
import { page } from './scenarios/page.js';

async function started<G extends EmbeddedGateway>(gateway: G): Promise<G> {
  await gateway.start();
  return gateway;
}

page('embedded', (settings) => started(new EmbeddedGateway(settings)), 180_000);
engineOrReason('kafka', () => page('kafka', async (settings) => started(await KafkaGateway.create(settings)), 240_000));
