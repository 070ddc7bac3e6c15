import { join } from 'node:path';
import { EmbeddedGateway } from './embedded.js';
import type { Mode, Service } from './gateway.js';
import { Child, freePort, root } from './process.js';
import { RoundRobin } from './round-robin.js';

/** Two ingress processes behind a plain round robin: the one of the embedded gateway, and one that runs alone on the same log. */
export class ReplicatedGateway extends EmbeddedGateway {
  override readonly mode: Mode = 'replicas';
  private replica: Child | undefined;

  private constructor(
    readonly balancer: RoundRobin,
    /** Of the MCP endpoints: of the embedded gateway, and of the replica. */
    private readonly ports: readonly [number, number],
    private readonly apiPort: number,
    private readonly logUrl: string | undefined,
  ) {
    super({ ...togetherOf(ports, 0), ...(logUrl !== undefined && { CUSTOMHOUSE_LOG_URL: logUrl }) }, ports[0]);
    balancer.backends = ports.map((port) => `http://127.0.0.1:${port}`);
  }

  /** `logUrl`: of a log elsewhere, instead of the one in the gateway's own database. */
  static async create(logUrl?: string): Promise<ReplicatedGateway> {
    return new ReplicatedGateway(await RoundRobin.start(), [await freePort(), await freePort()], await freePort(), logUrl);
  }

  override get origin(): string {
    return this.balancer.origin;
  }

  /** Of each ingress process. */
  get origins(): readonly string[] {
    return this.balancer.backends;
  }

  /** Where the replica is that runs alone. */
  get replicaOrigin(): string {
    return this.balancer.backends[1]!;
  }

  override async start(): Promise<void> {
    await super.start();
    await this.startReplica();
  }

  async startReplica(): Promise<void> {
    this.replica = Child.start('the second ingress', process.execPath, [join(root, 'services/ingress/dist/main.js')], {
      CUSTOMHOUSE_LOG_URL: this.logUrl ?? this.databaseUrl(),
      CUSTOMHOUSE_SEALING_KEY_FILE: join(this.data, 'sealing-key'),
      CUSTOMHOUSE_INSTANCE: 'ingress-replica',
      CUSTOMHOUSE_DEVELOPMENT: 'true',
      CUSTOMHOUSE_API_PORT: String(this.apiPort),
      CUSTOMHOUSE_INGRESS_PORT: String(this.ports[1]),
      CUSTOMHOUSE_INGRESS_HOLD_MS: '3000',
      CUSTOMHOUSE_INGRESS_APPROVALS_URL: 'https://approvals.example',
      ...togetherOf(this.ports, 1),
    });
    this.replica.process.stdout!.resume();
    await this.replicaReady(60_000);
  }

  /** SIGKILL: nothing is said to anybody. */
  async killReplica(): Promise<void> {
    await this.replica?.kill('SIGKILL');
  }

  override async stop(): Promise<void> {
    await this.replica?.kill('SIGINT');
    await super.stop();
  }

  /** Everything dies at once. */
  override async kill(service: Service): Promise<void> {
    await this.killReplica();
    await super.kill(service);
  }

  override async destroy(): Promise<void> {
    if (this.replica?.running) await this.replica.kill('SIGINT');
    await super.destroy();
    await this.balancer.close();
  }

  private async replicaReady(timeout_ms: number): Promise<void> {
    const until = Date.now() + timeout_ms;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.apiPort}/health/ready`).catch(() => undefined);
      if (answer?.status === 200) return;
      if (!this.replica!.running || Date.now() > until) throw new Error(`the second ingress is not ready: ${await answer?.text()}\n${this.replica!.lastWords}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** They know each other, and their streams are open soon. */
function togetherOf(ports: readonly [number, number], own: 0 | 1): Record<string, string> {
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  return {
    CUSTOMHOUSE_INGRESS_PEER_URL: urls[own]!,
    CUSTOMHOUSE_INGRESS_PEERS: urls.join(','),
    CUSTOMHOUSE_INGRESS_STREAM_AFTER_MS: '500',
    CUSTOMHOUSE_INGRESS_KEEP_ALIVE_MS: '1000',
  };
}
