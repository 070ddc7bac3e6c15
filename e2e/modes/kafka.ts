import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { EmbeddedGateway } from './embedded.js';
import type { Gateway, Mode, RawRecord } from './gateway.js';
import { readKafkaRaw } from './kafka-raw.js';
import { freePort } from './process.js';

process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';

/** One process with all six services, its log on a real Kafka. */
export class KafkaGateway extends EmbeddedGateway {
  override readonly mode: Mode = 'kafka';

  private constructor(
    private readonly broker: string,
    private readonly container: StartedTestContainer,
    settings: Record<string, string>,
  ) {
    super({ CUSTOMHOUSE_LOG_URL: `kafka://${broker}`, ...settings });
  }

  static async create(settings: Record<string, string> = {}): Promise<KafkaGateway> {
    const port = await freePort();
    const container = await new GenericContainer('apache/kafka:4.3.1')
      .withExposedPorts({ container: 9092, host: port })
      .withEnvironment({
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      })
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started|started \(kafka\.server/i))
      .withStartupTimeout(120_000)
      .start();
    return new KafkaGateway(`127.0.0.1:${port}`, container, settings);
  }

  override rawLog(): Promise<RawRecord[]> {
    return readKafkaRaw([this.broker]);
  }

  /** The container keeps its files and its port over these. */
  override engine: Gateway['engine'] = {
    stop: () => this.docker('kill'),
    start: () => this.docker('start'),
    pause: () => this.docker('pause'),
    resume: () => this.docker('unpause'),
  };

  private async docker(command: 'kill' | 'start' | 'pause' | 'unpause'): Promise<void> {
    const { execFileSync } = await import('node:child_process');
    execFileSync('docker', [command, this.container.getId()], { stdio: 'ignore' });
  }

  override async destroy(): Promise<void> {
    await super.destroy();
    await this.container.stop({ timeout: 1000 });
  }
}
