import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { eventually } from './gateway.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The service as a process of its own, as it was built, which is killed without a word. */
export class ApprovalProcess {
  private process: ChildProcess | undefined;
  url = '';

  /** `port`: a free one at every start when absent. */
  constructor(
    private readonly environment: Readonly<Record<string, string>>,
    private readonly port?: number,
  ) {}

  async start(): Promise<void> {
    const port = this.port ?? (await freePort());
    this.url = `http://127.0.0.1:${port}`;
    this.process = spawn(process.execPath, [join(root, 'services/approval/dist/main.js')], {
      env: { PATH: process.env['PATH'], ...this.environment, CUSTOMHOUSE_API_PORT: String(port) },
      stdio: 'ignore',
    });
    await eventually('the service is ready', async () => (await fetch(`${this.url}/health/ready`).catch(() => undefined))?.status === 200, 60_000);
  }

  async again(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const process = this.process;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, 'exit');
    process.kill('SIGKILL');
    await gone;
  }
}
