import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import type { Gateway, Mode, RawRecord, Service } from './gateway.js';
import { KafkaBroker } from './kafka-broker.js';
import { readKafkaRaw } from './kafka-raw.js';
import { Child, freePort, root } from './process.js';

export const allServices: readonly Service[] = ['ingress', 'policy', 'scanner', 'registry', 'approval', 'audit'];

/** Each of the six services in a process of its own, on a real Kafka and a real PostgreSQL: what docker-compose.yml runs, without its images. */
export class ServicesGateway implements Gateway {
  readonly mode: Mode = 'services';
  readonly upstreamHost = '127.0.0.1';
  readonly operatorKey = randomBytes(24).toString('base64url');
  private readonly children = new Map<Service, Child>();
  private readonly data = mkdtempSync(join(tmpdir(), 'customhouse-services-'));

  private constructor(
    private readonly broker: KafkaBroker,
    private readonly postgres: StartedTestContainer,
    private readonly ports: Readonly<Record<Service | 'mcp', number>>,
    private readonly settings: Readonly<Record<string, string>>,
  ) {
    writeFileSync(join(this.data, 'sealing-key'), randomBytes(32).toString('base64'), { mode: 0o600 });
  }

  static async create(settings: Readonly<Record<string, string>> = {}): Promise<ServicesGateway> {
    const broker = await KafkaBroker.start();
    try {
      const postgres = await new GenericContainer('postgres:18')
        .withExposedPorts(5432)
        .withEnvironment({ POSTGRES_USER: 'customhouse', POSTGRES_PASSWORD: 'customhouse', POSTGRES_DB: 'customhouse' })
        .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/))
        .withStartupTimeout(120_000)
        .start();
      return new ServicesGateway(broker, postgres, await freePorts(), settings);
    } catch (error) {
      await broker.destroy();
      throw error;
    }
  }

  get origin(): string {
    return `http://127.0.0.1:${this.ports.mcp}`;
  }

  /** Of the brokers. */
  get brokers(): string[] {
    return [this.broker.address];
  }

  get engine(): NonNullable<Gateway['engine']> {
    return this.broker.engine;
  }

  api(service: Service): string {
    return `http://127.0.0.1:${this.ports[service]}`;
  }

  async sealingKey(): Promise<string> {
    return readFileSync(join(this.data, 'sealing-key'), 'utf8').trim();
  }

  stdio(): never {
    throw new Error('no scenario of this mode starts servers by stdio');
  }

  rawLog(): Promise<RawRecord[]> {
    return readKafkaRaw(this.brokers);
  }

  async sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    await this.databaseAccepts();
    await Promise.all(allServices.map((service) => this.restart(service)));
  }

  /** Resolves when the service is ready. */
  async restart(service: Service): Promise<void> {
    const child = Child.start(service, process.execPath, [join(root, `services/${service}/dist/main.js`)], {
      CUSTOMHOUSE_LOG_URL: `kafka://${this.broker.address}`,
      CUSTOMHOUSE_SEALING_KEY_FILE: join(this.data, 'sealing-key'),
      CUSTOMHOUSE_BOOTSTRAP_KEY: this.operatorKey,
      CUSTOMHOUSE_INSTANCE: `${service}-1`,
      CUSTOMHOUSE_LOG_LEVEL: 'warn',
      CUSTOMHOUSE_API_PORT: String(this.ports[service]),
      ...(service === 'ingress'
        ? { CUSTOMHOUSE_INGRESS_PORT: String(this.ports.mcp), CUSTOMHOUSE_SPOOL_PATH: join(this.data, 'spool') }
        : { CUSTOMHOUSE_DATABASE_URL: this.databaseUrl }),
      ...this.settings,
    });
    child.overhear();
    this.children.set(service, child);
    await this.ready(service, child);
  }

  /** SIGKILL, also for one that is frozen. */
  async kill(service: Service): Promise<void> {
    await this.children.get(service)!.kill('SIGKILL');
  }

  /** An orderly end of one service. */
  async end(service: Service): Promise<void> {
    await this.children.get(service)!.kill('SIGTERM', 60_000);
  }

  /** It does nothing any more, and nobody is told: so that something is waited for that it would do at once. */
  freeze(service: Service): void {
    this.children.get(service)!.signal('SIGSTOP');
  }

  thaw(service: Service): void {
    this.children.get(service)!.signal('SIGCONT');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.children.values()].map((child) => child.kill('SIGTERM')));
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.children.values()].map((child) => child.kill('SIGKILL')));
    await Promise.all([this.broker.destroy(), this.postgres.stop({ timeout: 1000 })]);
    rmSync(this.data, { recursive: true, force: true });
  }

  private get databaseUrl(): string {
    return `postgres://customhouse:customhouse@${this.postgres.getHost()}:${this.postgres.getMappedPort(5432)}/customhouse`;
  }

  /** The image prepares itself with a server that listens to nobody outside, and says the same of it. */
  private async databaseAccepts(): Promise<void> {
    const until = Date.now() + 60_000;
    for (;;) {
      try {
        await this.sql('select 1');
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  private async ready(service: Service, child: Child): Promise<void> {
    const until = Date.now() + 120_000;
    for (;;) {
      const answer = await fetch(`${this.api(service)}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
      const said = await answer?.text();
      if (answer?.status === 200) return;
      if (!child.running || Date.now() > until) throw new Error(`${service} is not ready: ${said}\n${child.lastWords}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePorts(): Promise<Record<Service | 'mcp', number>> {
  const ports: Partial<Record<Service | 'mcp', number>> = {};
  for (const name of [...allServices, 'mcp' as const]) ports[name] = await freePort();
  return ports as Record<Service | 'mcp', number>;
}
