import { spawn, type ChildProcess } from 'node:child_process';
import { canStart, limited, type ProcessLimits } from './process-limits.js';
import { UpstreamFailed } from './upstream.js';

/** What a child may see of our environment. Everything else, secrets among it, is given by name in the server's configuration or not at all. */
const inherited = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'];

/** Groups that must not outlive this process, however it ends (SIGKILL excepted: then the end of their standard input is the sign). */
const living = new Set<number>();
process.on('exit', () => {
  for (const group of living) signalGroup(group, 'SIGKILL');
});

const lastWords_ms = 500;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Names of further variables of ours that the child sees. */
  readonly inherit?: readonly string[];
  readonly limits?: ProcessLimits;
}

/** A child in a process group of its own, so that what it starts ends with it. */
export interface Child {
  readonly process: ChildProcess & {
    readonly stdin: NonNullable<ChildProcess['stdin']>;
    readonly stdout: NonNullable<ChildProcess['stdout']>;
    readonly stderr: NonNullable<ChildProcess['stderr']>;
  };
  /** Resolves with a sentence once the child has been reaped and its output read. */
  readonly exited: Promise<string>;
  /** Ends standard input, then SIGTERM, then SIGKILL to the group, a share of the time each. Resolves when the child is gone. */
  stop(timeout_ms: number): Promise<void>;
  kill(): void;
}

/** Rejects with UpstreamFailed (`spawn-failed`) when the command cannot be started. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawnChild(options);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) {
        // Grandchildren that kept running would hold the pipes and the resources.
        signalGroup(child.pid, 'SIGKILL');
        living.delete(child.pid);
      }
      const reason = signal ? `the process was ended by ${signal}` : `the process exited with code ${code}`;
      // What it wrote last may still be in the pipe. A grandchild that left the group could keep the pipe open for ever.
      const late = setTimeout(() => resolve(reason), lastWords_ms);
      child.once('close', () => {
        clearTimeout(late);
        resolve(reason);
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new UpstreamFailed('spawn-failed', 'no', `"${options.command}" could not be started: ${error.message}`, { cause: error })));
  });
  living.add(child.pid!);
  // Later errors (a failed kill, a message to a dead child) are seen through `exited` and the streams.
  child.on('error', () => undefined);
  return { process: child as Child['process'], exited, stop: (timeout_ms) => stop(child, exited, timeout_ms), kill: () => signalGroup(child.pid!, 'SIGKILL') };
}

function spawnChild(options: ChildOptions): ChildProcess {
  const env = childEnvironment(process.env, options.env, options.inherit);
  if (!canStart(options.command, env['PATH'], options.cwd))
    throw new UpstreamFailed('spawn-failed', 'no', `"${options.command}" could not be started: there is no such program${options.command.includes('/') ? '' : ' on the PATH'}`);
  const { command, args } = limited(options.command, options.args, options.limits ?? {});
  try {
    return spawn(command, args, {
      cwd: options.cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
      windowsHide: true,
    });
  } catch (error) {
    // A NUL in a name or an argument makes spawn throw instead of reporting.
    throw new UpstreamFailed('spawn-failed', 'no', `"${options.command}" could not be started: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

export function childEnvironment(
  ours: Readonly<Record<string, string | undefined>>,
  configured: Readonly<Record<string, string>>,
  more: readonly string[] = [],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of [...inherited, ...more]) if (ours[name] !== undefined) environment[name] = ours[name];
  return { ...environment, ...configured };
}

async function stop(child: ChildProcess, exited: Promise<string>, timeout_ms: number): Promise<void> {
  child.stdin?.end();
  if (await within(exited, timeout_ms / 4)) return;
  signalGroup(child.pid!, 'SIGTERM');
  if (await within(exited, timeout_ms / 2)) return;
  signalGroup(child.pid!, 'SIGKILL');
  await within(exited, timeout_ms / 4);
}

async function within(exited: Promise<string>, timeout_ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeout_ms)));
  try {
    return await Promise.race([exited.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: the group is gone already, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
