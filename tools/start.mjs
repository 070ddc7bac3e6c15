// `npm start`: installs what is missing, builds what changed, and runs the embedded gateway with its demonstration.
// It is the first thing that runs on a fresh clone, on the Node the user has: nothing but Node's own modules, nothing newer than Node 20.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureInstalled, nodeBinary, root } from './install.mjs';

const args = process.argv.slice(2);
// A script that asks for JSON wants the gateway, not the show.
const demonstration = ['--json', '--demo', '--no-demo', '--help', '-h'].some((option) => args.includes(option)) ? [] : ['--demo'];

const stopped = new AbortController();
let gateway;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped.abort();
    // On a terminal the gateway has had the signal already, and npm sends it once more: the gateway knows them for one.
    gateway?.kill(signal);
  });
}

// When npm is killed, nobody tells us: the parent is another one then, and what we started must not outlive it.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, 500).unref();

try {
  await ensureInstalled('run', stopped.signal);
  const { buildAll } = await import('./build.mjs');
  await buildAll();
  if (!stopped.signal.aborted) process.exitCode = await run();
} catch (error) {
  if (stopped.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

/** The gateway's exit code. The channel tells the gateway when this process is gone. */
function run() {
  gateway = spawn(nodeBinary(), [join(root, 'apps/cli/bin/customhouse.mjs'), 'up', ...demonstration, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    gateway.once('error', reject);
    gateway.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}
