import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Gateway, RawRecord, Service } from './gateway.js';
import { readKafkaRaw } from './kafka-raw.js';
import { root } from './process.js';

const run = promisify(execFile);
const project = 'customhouse-e2e';
const ports: Record<string, number> = {
  INGRESS: 18400,
  INGRESS_API: 18401,
  REGISTRY: 18402,
  POLICY: 18403,
  APPROVAL: 18404,
  AUDIT: 18405,
  SCANNER: 18406,
  KAFKA: 19094,
  POSTGRES: 15434,
};
const environment = Object.fromEntries(Object.entries(ports).map(([name, port]) => [`CUSTOMHOUSE_${name}_PUBLISHED_PORT`, String(port)]));

async function compose(...args: string[]): Promise<string> {
  try {
    const { stdout } = await run('docker', ['compose', '-p', project, '-f', 'docker-compose.yml', '-f', 'e2e/modes/compose.override.yml', ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`docker compose ${args.join(' ')} failed:\n${(stderr ?? String(error)).slice(-4000)}`);
  }
}

/** The six services in containers, from docker-compose.yml as users get it. */
export class ComposeGateway implements Gateway {
  readonly mode = 'compose';
  readonly origin = `http://127.0.0.1:${ports['INGRESS']}`;
  readonly upstreamHost = 'host.docker.internal';
  operatorKey = '';
  private database = '';

  /** From nothing; `build: false`: with the images that are there. */
  static async start({ build = process.env['E2E_COMPOSE_BUILD'] !== 'false' } = {}): Promise<ComposeGateway> {
    await compose('down', '--volumes', '--remove-orphans');
    const self = new ComposeGateway();
    if (build) await compose('build');
    await self.start();
    return self;
  }

  api(service: Service): string {
    return `http://127.0.0.1:${ports[service === 'ingress' ? 'INGRESS_API' : service.toUpperCase()]}`;
  }

  stdio(server: 'everything' | 'filesystem' | 'memory', ...args: string[]): ReturnType<Gateway['stdio']> {
    return { kind: 'stdio', command: 'node', args: [`/app/node_modules/@modelcontextprotocol/server-${server}/dist/index.js`, ...args], env: {} };
  }

  async sealingKey(): Promise<string> {
    return (await compose('exec', '-T', 'registry', 'cat', '/run/customhouse/sealing-key')).trim();
  }

  rawLog(): Promise<RawRecord[]> {
    return readKafkaRaw([`127.0.0.1:${ports['KAFKA']}`]);
  }

  async sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.database });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async kill(service: Service): Promise<void> {
    await compose('kill', '--signal', 'SIGKILL', service);
  }

  async restart(service: Service): Promise<void> {
    await compose('up', '--detach', '--wait', '--no-build', service);
  }

  engine = {
    stop: async (): Promise<void> => void (await compose('kill', '--signal', 'SIGKILL', 'kafka')),
    start: async (): Promise<void> => void (await compose('up', '--detach', '--wait', '--no-build', 'kafka')),
    pause: async (): Promise<void> => void (await compose('pause', 'kafka')),
    resume: async (): Promise<void> => void (await compose('unpause', 'kafka')),
  };

  async stop(): Promise<void> {
    await compose('stop');
  }

  async start(): Promise<void> {
    try {
      await compose('up', '--detach', '--wait', '--no-build');
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${(await compose('logs', '--tail', '30')).slice(-12_000)}`);
    }
    this.operatorKey = (await compose('exec', '-T', 'registry', 'cat', '/run/customhouse/operator-key')).trim();
    const inside = new URL((await compose('exec', '-T', 'registry', 'cat', '/run/customhouse/database-url')).trim());
    inside.host = `127.0.0.1:${ports['POSTGRES']}`;
    this.database = inside.href;
  }

  async destroy(): Promise<void> {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '5');
  }
}
