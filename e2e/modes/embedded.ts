import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Gateway, Mode, RawRecord, Service } from './gateway.js';
import { Child, root } from './process.js';

interface Ready {
  readonly mcp: string;
  readonly api: string;
  readonly operator_key_file: string;
}

/** One process with all six services, started as a user starts it: `npm start`'s script with `--json`. */
export class EmbeddedGateway implements Gateway {
  readonly mode: Mode = 'embedded';
  readonly upstreamHost = '127.0.0.1';
  readonly data = mkdtempSync(join(tmpdir(), 'customhouse-e2e-'));
  private child: Child | undefined;
  protected ready: Ready | undefined;

  constructor(
    private readonly environment: Readonly<Record<string, string>> = {},
    /** Of the MCP endpoint; 0 takes any free one. */
    private readonly port = 0,
  ) {}

  get origin(): string {
    return new URL(this.ready!.mcp).origin;
  }

  api(): string {
    return this.ready!.api;
  }

  get operatorKey(): string {
    return readFileSync(this.ready!.operator_key_file, 'utf8').trim();
  }

  async sealingKey(): Promise<string> {
    return readFileSync(join(this.data, 'sealing-key'), 'utf8').trim();
  }

  stdio(server: 'everything' | 'filesystem' | 'memory', ...args: string[]): ReturnType<Gateway['stdio']> {
    const manifest = createRequire(import.meta.url).resolve(`@modelcontextprotocol/server-${server}/package.json`);
    return { kind: 'stdio', command: process.execPath, args: [join(manifest, '../dist/index.js'), ...args], env: {} };
  }

  async start(): Promise<void> {
    // Any free port for the MCP endpoint means any for the API, too, unless one is asked for in words.
    const apiPort = this.environment['CUSTOMHOUSE_API_PORT'];
    const api = apiPort === undefined ? [] : ['--api-port', apiPort];
    this.child = Child.start(this.mode, process.execPath, ['tools/start.mjs', '--json', '--port', String(this.port), ...api, '--data', this.data], {
      CUSTOMHOUSE_INGRESS_HOLD_MS: '3000',
      CUSTOMHOUSE_INGRESS_APPROVALS_URL: 'https://approvals.example',
      CUSTOMHOUSE_AUDIT_WRITER_SILENCE_MS: '15000',
      ...this.environment,
    });
    this.ready = await this.child.line((line) => (line.startsWith('{"ready":true') ? (JSON.parse(line) as Ready) : undefined), 120_000);
  }

  async stop(): Promise<void> {
    await this.child?.kill('SIGINT');
  }

  /** The whole process dies: there is only one. Its database is left to itself, as after a real crash. */
  async kill(_service: Service): Promise<void> {
    const { pid } = JSON.parse(readFileSync(join(this.data, 'running.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await this.child!.ended(10_000);
  }

  async restart(_service: Service): Promise<void> {
    await this.start();
  }

  engine: Gateway['engine'] = {
    stop: async () => this.signalDatabase('SIGSTOP'),
    start: async () => this.signalDatabase('SIGCONT'),
    pause: async () => this.signalDatabase('SIGSTOP'),
    resume: async () => this.signalDatabase('SIGCONT'),
  };

  async rawLog(): Promise<RawRecord[]> {
    const rows = await this.sql(
      `select topic, partition, "offset"::int as "offset", key, convert_from(value, 'UTF8') as value from log.records order by topic, partition, "offset"`,
    );
    return rows as unknown as RawRecord[];
  }

  async sql(text: string): Promise<Record<string, unknown>[]> {
    const password = readFileSync(join(this.data, 'postgres/password'), 'utf8').trim();
    const client = new pg.Client({ host: '127.0.0.1', port: this.postmaster().port, user: 'customhouse', password, database: 'customhouse' });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async destroy(): Promise<void> {
    if (this.child?.running) await this.child.kill('SIGINT');
    rmSync(this.data, { recursive: true, force: true });
  }

  /** As another process of the same installation uses it. */
  protected databaseUrl(): string {
    const password = readFileSync(join(this.data, 'postgres/password'), 'utf8').trim();
    return `postgres://customhouse:${encodeURIComponent(password)}@127.0.0.1:${this.postmaster().port}/customhouse`;
  }

  /** From the database's own file: line 1 is the process, line 4 the port. */
  private postmaster(): { pid: number; port: number } {
    const folder = join(this.data, 'postgres');
    const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('postmaster.pid'));
    if (file === undefined) throw new Error(`no database runs in ${folder}`);
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  }

  private signalDatabase(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this.postmaster();
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8', cwd: root })
      .split('\n')
      .map(Number)
      .filter((child) => child > 0);
    for (const target of [pid, ...children]) {
      try {
        process.kill(target, signal);
      } catch (error) {
        // A backend may have ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}
