import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = join(root, 'apps/cli/bin/customhouse.mjs');

/** Nothing of whoever runs the tests: their gateway is not ours. */
function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CUSTOMHOUSE_') && !name.startsWith('npm_') && name !== 'NODE_OPTIONS'));
  return { ...own, NO_COLOR: '1', ...more };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly folder?: string;
  /** Called with everything on standard output so far; answering true interrupts the command. */
  readonly until?: (stdout: string) => boolean;
}

/** Runs the command line as a process of its own, as a person does. */
export async function customhouse(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], { cwd: options.folder ?? tmpdir(), env: environment(options.environment ?? {}), stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    if (options.until?.(stdout)) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, stdout, stderr };
}

export interface Ready {
  readonly ready: true;
  readonly mcp: string;
  readonly api: string;
  readonly key: string;
  /** Null when the environment gave the key. */
  readonly operator_key_file: string | null;
  readonly data: string;
  readonly log_file: string;
}

/** `customhouse up --json` on a folder of its own. */
export class TestGateway {
  readonly data = mkdtempSync(join(tmpdir(), 'customhouse-cli-'));
  ready!: Ready;
  stderr = '';
  private child: ChildProcess | undefined;

  async start(args: readonly string[] = ['--port', '0'], more: Readonly<Record<string, string>> = {}): Promise<Ready> {
    const child = spawn(process.execPath, [program, 'up', '--json', '--data', this.data, ...args], { env: environment(more), stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
    const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), once(child, 'exit').then(() => [undefined])])) as [string | undefined];
    if (line === undefined) throw new Error(`the gateway ended before it was ready:\n${this.stderr}`);
    this.ready = JSON.parse(line) as Ready;
    return this.ready;
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** Ends it with a signal and answers its exit code and how long that took. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<{ code: number | null; took_ms: number }> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return { code: child?.exitCode ?? null, took_ms: 0 };
    const begun = performance.now();
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await once(child, 'exit');
    clearTimeout(timer);
    return { code: child.exitCode, took_ms: performance.now() - begun };
  }

  async destroy(): Promise<void> {
    await this.end();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** The command line on this gateway. */
  run(...args: string[]): Promise<Ran> {
    return customhouse(['--data', this.data, ...args]);
  }

  /** The JSON that a command prints. Throws when it fails. */
  async json<T>(...args: string[]): Promise<T> {
    const ran = await this.run(...args, '--json');
    if (ran.code !== 0) throw new Error(`customhouse ${args.join(' ')} ended with ${ran.code}:\n${ran.stderr}`);
    return JSON.parse(ran.stdout) as T;
  }
}
