// One load on one target, and what it cost there.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { busyShares, coreTimes, cpuMicroseconds, memoryMiB, otherCore, pinned } from './processes.mjs';

const load = fileURLToPath(new URL('./load.mjs', import.meta.url));

/**
 * Runs the load and reads the target's processor time from outside, exactly between the load's marks.
 * `pid` is the process whose cost counts; undefined for the direct path. The rest are options of the load.
 */
export function measure({ url, tool, concurrency, seconds, pid, ...options }) {
  const args = [load, url, tool, String(concurrency), String(seconds), JSON.stringify(options)];
  const command = pinned ? ['taskset', '-c', String(otherCore), process.execPath, ...args] : [process.execPath, ...args];
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let before;
  let after;
  let result;
  const mark = () => ({ cpu: pid ? cpuMicroseconds(pid) : 0, cores: coreTimes() });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'measuring') before = mark();
    else if (line === 'measured') after = mark();
    else result = JSON.parse(line);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0 || !result) return reject(new Error(`the load on ${url} failed (${code})`));
      if (result.errors > 0) return reject(new Error(`${result.errors} of ${result.calls + result.errors} calls to ${url} failed, first: ${result.firstError}`));
      resolve({
        rps: Math.round(result.calls / result.seconds),
        cpu_us: pid ? Number(((after.cpu - before.cpu) / result.calls).toFixed(1)) : undefined,
        p50: result.p50,
        p99: result.p99,
        memory_mib: pid ? memoryMiB(pid) : undefined,
        cores_busy: busyShares(before.cores, after.cores),
      });
    });
  });
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
