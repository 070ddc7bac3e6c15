import { afterAll, beforeAll, describe } from '@jest/globals';
import { addressOf, openUp } from './conformance/passage.js';
import { KafkaBroker } from './modes/kafka-broker.js';
import { ReplicatedGateway } from './modes/replicas.js';
import { stopTiming } from './scenarios/stops.js';

describe('stops, at two ingress processes on Kafka', () => {
  let broker: KafkaBroker | undefined;
  let gateway: ReplicatedGateway | undefined;

  beforeAll(async () => {
    broker = await KafkaBroker.start();
    gateway = await ReplicatedGateway.create(`kafka://${broker.address}`);
    await gateway.start();
    await openUp(addressOf(gateway));
  }, 600_000);
  afterAll(async () => {
    await gateway?.destroy();
    await broker?.destroy();
  }, 120_000);

  stopTiming(
    () => gateway!,
    () => addressOf(gateway!),
  );
});
