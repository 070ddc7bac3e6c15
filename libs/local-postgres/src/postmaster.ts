import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, type Account } from './account.js';
import type { Binaries } from './binaries.js';
import { cleanEnvironment } from './cluster.js';

/**
 * Becomes the server, with a watcher beside it that holds the other end of a pipe of ours: when we die, however we die, the pipe
 * closes and the watcher asks the server for a fast shutdown. A line on the pipe sends the watcher home.
 */
const script = '( IFS= read -r line <&3; [ -n "$line" ] || kill -INT $$ ) & exec "$@" 3<&-';

/** Everything durable; sized for a laptop; reachable from this machine only. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '120',
  shared_buffers: '64MB',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Nothing replicates from here, so the log of changes need not carry what only replicas read.
  wal_level: 'minimal',
  max_wal_senders: '0',
  // Parallel queries need shared memory that small containers do not have.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] ',
};

export interface PostmasterOptions {
  readonly binaries: Binaries;
  readonly cluster: string;
  readonly account: Account | undefined;
  readonly port: number;
  readonly logFile: string;
}

/** One server process that we started. */
export class Postmaster {
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  private alive = true;

  private constructor(
    private readonly child: ChildProcess,
    private readonly leash: Writable,
    private readonly log: { readonly file: string; readonly from: number },
  ) {
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.alive = false;
        // The number of the process may be given to another one now: nobody must signal it any more.
        this.leash.end('ended\n');
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
  }

  static start({ binaries, cluster, account, port, logFile }: PostmasterOptions): Postmaster {
    rotate(logFile);
    const from = sizeOf(logFile);
    const log = openSync(logFile, 'a', 0o600);
    try {
      const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const child = spawn('/bin/sh', ['-c', script, 'postgres', join(binaries.folder, 'bin', 'postgres'), '-D', cluster, ...flags], {
        ...identityOf(account),
        cwd: '/',
        env: cleanEnvironment(),
        // A group of its own: Ctrl-C is for us, and we stop the server when we are done with it.
        detached: true,
        stdio: ['ignore', log, log, 'pipe'],
      });
      const leash = child.stdio[3] as Writable;
      // The watcher may be gone before we let go of it.
      leash.on('error', () => undefined);
      return new Postmaster(child, leash, { file: logFile, from });
    } finally {
      closeSync(log);
    }
  }

  get running(): boolean {
    return this.alive;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** The last things that this process wrote to its log. */
  lastWords(): string {
    return readFileSync(this.log.file).subarray(this.log.from).toString('utf8').trimEnd().split('\n').slice(-8).join('\n');
  }

  /** Fast shutdown; harsher when that takes too long, which costs a recovery at the next start and no data. */
  async stop(): Promise<void> {
    for (const [signal, patience_ms] of [
      ['SIGINT', 10_000],
      ['SIGQUIT', 5_000],
      ['SIGKILL', 5_000],
    ] as const) {
      if (!this.alive) return;
      this.child.kill(signal);
      if (await within(patience_ms, this.ended)) return;
    }
  }
}

async function within(milliseconds: number, event: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  const answer = await Promise.race([event.then(() => true), sleep(milliseconds, false, { signal: over.signal }).catch(() => false)]);
  over.abort();
  return answer;
}

/** What `postmaster.pid` says of the last server on this cluster. */
export interface PidFile {
  readonly pid: number;
  readonly port: number;
}

export function readPidFile(cluster: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Math.abs(Number(lines[0])), port: Number(lines[3]) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Whether a process with this number is a server on the cluster. Numbers are given out again, and quickly in containers: a stale file that
 * names a process of somebody else's must not keep the server from starting.
 */
export function servesCluster(pid: number, cluster: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(cluster);
  } catch {
    return false;
  }
}

export function removePidFile(cluster: string): void {
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
}

function rotate(logFile: string): void {
  if (sizeOf(logFile) > 10 * 1024 * 1024) renameSync(logFile, `${logFile}.old`);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
