import { EmbeddedGateway } from './embedded.js';
import type { Gateway, Mode, RawRecord } from './gateway.js';
import { KafkaBroker } from './kafka-broker.js';
import { readKafkaRaw } from './kafka-raw.js';

/** One process with all six services, its log on a real Kafka. */
export class KafkaGateway extends EmbeddedGateway {
  override readonly mode: Mode = 'kafka';
  override engine: Gateway['engine'];

  private constructor(
    private readonly broker: KafkaBroker,
    settings: Record<string, string>,
  ) {
    super({ CUSTOMHOUSE_LOG_URL: `kafka://${broker.address}`, ...settings });
    this.engine = broker.engine;
  }

  static async create(settings: Record<string, string> = {}): Promise<KafkaGateway> {
    return new KafkaGateway(await KafkaBroker.start(), settings);
  }

  override rawLog(): Promise<RawRecord[]> {
    return readKafkaRaw([this.broker.address]);
  }

  override async destroy(): Promise<void> {
    await super.destroy();
    await this.broker.destroy();
  }
}
