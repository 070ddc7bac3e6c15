import { execFileSync } from 'node:child_process';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import type { Gateway } from './gateway.js';
import { freePort } from './process.js';

process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';

/** A real Kafka in a container, which keeps its files and its port when it is stopped and started again. */
export class KafkaBroker {
  private constructor(
    readonly address: string,
    private readonly container: StartedTestContainer,
  ) {}

  static async start(): Promise<KafkaBroker> {
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
    return new KafkaBroker(`127.0.0.1:${port}`, container);
  }

  readonly engine: NonNullable<Gateway['engine']> = {
    stop: () => this.docker('kill'),
    start: () => this.docker('start'),
    pause: () => this.docker('pause'),
    resume: () => this.docker('unpause'),
  };

  async destroy(): Promise<void> {
    await this.container.stop({ timeout: 1000 });
  }

  private async docker(command: 'kill' | 'start' | 'pause' | 'unpause'): Promise<void> {
    execFileSync('docker', [command, this.container.getId()], { stdio: 'ignore' });
  }
}
