import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A child in a process group of its own, so that everything it started ends with it. */
export class Child {
  private readonly tail: string[] = [];

  private constructor(
    readonly process: ChildProcess,
    private readonly name: string,
  ) {}

  static start(name: string, command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Child {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const self = new Child(child, name);
    createInterface({ input: child.stderr }).on('line', (line) => self.remember(line));
    return self;
  }

  private remember(line: string): void {
    this.tail.push(line);
    if (this.tail.length > 200) this.tail.shift();
  }

  /** Takes what it prints for its last words, too. */
  overhear(): void {
    createInterface({ input: this.process.stdout! }).on('line', (line) => this.remember(line));
  }

  /** What it last said, for the message of a failed test. */
  get lastWords(): string {
    return this.tail.slice(-40).join('\n');
  }

  /** The first line on stdout that `pick` makes something of. Rejects when the process ends first or time is up. */
  async line<T>(pick: (line: string) => T | undefined, timeout_ms: number): Promise<T> {
    const lines = createInterface({ input: this.process.stdout! });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`${this.name} was not ready after ${timeout_ms} ms:\n${this.lastWords}`)), timeout_ms);
        this.process.once('exit', (code, signal) => reject(new Error(`${this.name} ended (${code ?? signal}) before it was ready:\n${this.lastWords}`)));
        this.process.once('error', reject);
        lines.on('line', (line) => {
          const picked = pick(line);
          if (picked !== undefined) resolve(picked);
          else this.remember(line);
        });
      });
    } finally {
      clearTimeout(timer);
      lines.close();
      // Keep reading: a full pipe would block the process.
      this.process.stdout!.resume();
    }
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** To the whole group. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(-this.process.pid!, signal);
  }

  /** Waits for an end that something else brings about. */
  async ended(timeout_ms: number): Promise<void> {
    if (!this.running) return;
    await once(this.process, 'exit', { signal: AbortSignal.timeout(timeout_ms) });
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT', timeout_ms = 20_000): Promise<void> {
    if (!this.running) return;
    const ended = once(this.process, 'exit');
    try {
      process.kill(-this.process.pid!, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), timeout_ms).unref());
    if ((await Promise.race([ended, late])) === 'late') {
      process.kill(-this.process.pid!, 'SIGKILL');
      throw new Error(`${this.name} did not end within ${timeout_ms} ms of ${signal}:\n${this.lastWords}`);
    }
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
