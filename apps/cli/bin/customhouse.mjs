#!/usr/bin/env node
// Plain JavaScript for any Node from 20 on: it only finds the Node that the rest needs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const needed = 24;
const here = fileURLToPath(import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= needed) {
  // Beside the packages, not in the shared folder for temporary files: whoever can write there could put code into it.
  module.enableCompileCache?.(fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url)));
  const { main } = await import('../dist/main.js').catch(explain);
  process.exitCode = await main(process.argv.slice(2));
  // Everything is done and said: a connection that somebody forgot to close must not keep the shell waiting.
  setTimeout(() => process.exit(), 2_000).unref();
} else {
  const node = [1, 2, 3, 4].map((levels) => fileURLToPath(new URL(`${'../'.repeat(levels)}node_modules/node/bin/node`, import.meta.url))).find(existsSync);
  if (!node) fail(`customhouse needs Node ${needed} or newer, and this is ${process.version}. Install it, or run "npm install" in the repository, which brings one.`);
  const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`customhouse could not start ${node}: ${error.message}`));
  child.once('exit', (code) => (process.exitCode = code ?? 1));
}

function explain(error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  fail(`customhouse is not built or not installed completely (${error.message.split('\n')[0]}). Run "npm install" in the repository.`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
