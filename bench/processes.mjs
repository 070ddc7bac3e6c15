// Starts pinned processes and reads what they cost from the operating system.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

const hasTaskset = spawnSync('taskset', ['--version']).status === 0;
const canPin = hasTaskset && availableParallelism() > 1;
const running = new Set();

/** The core of what is measured, and the core of everything else. */
export const measuredCore = 0;
export const otherCore = 1;
export const pinned = canPin;

/** Starts a Node program on a core. `line` resolves with what `pick` makes of a line that it prints; `failed` rejects when it ends unasked. */
export function start(name, core, args, environment = {}) {
  const command = canPin ? ['taskset', '-c', String(core), process.execPath, ...args] : [process.execPath, ...args];
  const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const words = [];
  const listeners = new Set();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      words.push(line);
      if (words.length > 50) words.shift();
      if (stream === child.stdout) for (const listener of listeners) listener(line);
    });
  }
  const failed = new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      reject(new Error(`${name} ended (${code ?? signal})\n${words.join('\n')}`));
    });
  });
  failed.catch(() => undefined);
  const line = (pick = (text) => text, timeout_ms = 60_000) =>
    Promise.race([
      failed,
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${name} was not ready after ${timeout_ms} ms\n${words.join('\n')}`)), timeout_ms);
        listeners.add(function listener(text) {
          const said = pick(text);
          if (said === undefined) return;
          listeners.delete(listener);
          clearTimeout(timer);
          resolve(said);
        });
      }),
    ]);
  return { name, pid: child.pid, failed, line, stop: () => stop(child) };
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
}

export async function stopAll() {
  await Promise.all([...running].map(stop));
}

/** Processor time of a process and all its threads in microseconds, from the scheduler's own accounting (nanoseconds). */
export function cpuMicroseconds(pid) {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // The thread has ended.
    }
  }
  return nanoseconds / 1000;
}

/** Resident memory in MiB. */
export function memoryMiB(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return match ? Math.round(Number(match[1]) / 1024) : NaN;
}

/** Busy and total time of each core in clock ticks. */
export function coreTimes() {
  return readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .filter((line) => /^cpu\d/.test(line))
    .map((line) => {
      const fields = line.split(/\s+/).slice(1).map(Number);
      const total = fields.reduce((sum, value) => sum + value, 0);
      return { busy: total - fields[3] - fields[4], total };
    });
}

export function busyShares(before, after) {
  return before.map((core, index) => Number(((after[index].busy - core.busy) / Math.max(1, after[index].total - core.total)).toFixed(2)));
}
