import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { processIdentity } from './process-identity.js';

/**
 * `<data>/running.json` (mode 0600): the instance that uses a data folder. It keeps a second one away, and tells the command
 * line where everything is. Secrets are in files of their own, which it names.
 */
export const Running = z.object({
  version: z.literal(1),
  state: z.enum(['starting', 'ready']),
  pid: z.int().positive(),
  /** When that process began, so that another process with the same number is not taken for it. */
  identity: z.string(),
  started: z.string(),
  data: z.string(),
  /** `http://127.0.0.1:8400/mcp`. Null while it starts. */
  mcp: z.string().nullable(),
  /** `http://127.0.0.1:8401`: all services behind one port. Null while it starts. */
  api: z.string().nullable(),
  operator_key_file: z.string().nullable(),
});
export type Running = z.infer<typeof Running>;

export type RunningState =
  | { readonly state: 'absent' }
  /** The process that wrote it is gone: it was killed, or the machine was. */
  | { readonly state: 'stale'; readonly pid: number }
  | { readonly state: 'starting' | 'ready'; readonly running: Running };

/** Says what runs on a data folder. A file that cannot be read as one of ours counts as stale; one that may not be read throws. */
export function readRunning(folder: string): RunningState {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'absent' };
    throw error;
  }
  const running = parse(text);
  if (!running) return { state: 'stale', pid: 0 };
  return processIdentity(running.pid) === running.identity ? { state: running.state, running } : { state: 'stale', pid: running.pid };
}

/** The data folder already has an instance. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
  constructor(
    readonly folder: string,
    readonly running: Running,
  ) {
    super(`process ${running.pid} already ${running.state === 'ready' ? 'runs' : 'starts'} on ${folder}`);
  }
}

/** Takes the data folder for this process, or throws AlreadyRunning. Of two that try at once, one succeeds. */
export function claim(folder: string, started: string): Running {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Root's database server runs as another user and must get through; names cannot be listed, and secret files are closed by their own mode.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  const own: Running = {
    version: 1,
    state: 'starting',
    pid: process.pid,
    identity: processIdentity(process.pid) ?? 'unknown',
    started,
    data: folder,
    mcp: null,
    api: null,
    operator_key_file: null,
  };
  for (;;) {
    try {
      writeFileSync(fileIn(folder), JSON.stringify(own), { mode: 0o600, flag: 'wx' });
      return own;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = readRunning(folder);
    if (found.state === 'starting' || found.state === 'ready') throw new AlreadyRunning(folder, found.running);
    rmSync(fileIn(folder), { force: true });
  }
}

/** Says where the claimed instance is reached. */
export function announce(running: Running): void {
  const path = fileIn(running.data);
  writeFileSync(`${path}.new`, JSON.stringify(running, undefined, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Gives the data folder back. */
export function release(folder: string): void {
  rmSync(fileIn(folder), { force: true });
}

function fileIn(folder: string): string {
  return join(folder, 'running.json');
}

function parse(text: string): Running | undefined {
  try {
    return Running.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
