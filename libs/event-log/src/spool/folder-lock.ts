import { existsSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Who holds the lock. `began` tells a process from a later one with the same number. */
interface Holder {
  readonly host: string;
  readonly pid: number;
  readonly began: string;
}

/**
 * One living process for each folder: a second one would ship and delete what the first still writes. A holder that is dead,
 * or was on another host (a container that was replaced), is superseded. Returns the release; throws when the folder is in use.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const self: Holder = { host: hostname(), pid: process.pid, began: await beganAt(process.pid) };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(self));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await lives(holder, self))) {
      throw new Error(`${folder} is in use by process ${holder.pid}: give each process its own folder (if no such process runs, delete ${path})`);
    }
    await rm(path, { force: true });
  }
  throw new Error(`${folder} is being locked by several processes at once: give each its own folder`);
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    // Gone in the meantime, or cut short by a crash: nobody holds it.
    return undefined;
  }
}

async function lives(holder: Holder, self: Holder): Promise<boolean> {
  if (holder.host !== self.host) return false;
  if (holder.pid === self.pid) return holder.began === self.began;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const began = await beganAt(holder.pid);
  return began === '' || holder.began === '' || began === holder.began;
}

/** When a process began, in ticks since the machine did, with the machine's boot; empty where /proc does not tell. */
async function beganAt(pid: number): Promise<string> {
  if (!existsSync(`/proc/${pid}/stat`)) return '';
  const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')]);
  return `${boot.trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}
