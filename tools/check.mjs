// Everything that can be known without running the code. `npm run check` does all, `npm run check -- lint style` some of it.
// Parts run side by side, the slow ones first; the output of a part is shown when it fails.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const script = (path, ...args) => [process.execPath, [join(root, path), ...args]];

const parts = {
  lint: script('node_modules/eslint/bin/eslint.js', '--cache', '--cache-strategy', 'content', '--cache-location', '.cache/eslint', '.'),
  types: script('node_modules/typescript-7/bin/tsc', '-p', '.'),
  boundaries: script(
    'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'err-long',
    'contracts',
    'libs',
    'services',
    'apps',
    'policies',
    'e2e',
    'bench',
    'examples',
  ),
  format: script('node_modules/prettier/bin/prettier.cjs', '--check', '--cache', '--cache-location', '.cache/prettier', '--log-level', 'warn', '.'),
  'pure types': script('node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.pure.json'),
  generated: script('tools/generate.mjs', '--check'),
  style: script('tools/check/style-part.mjs'),
  policies: script('tools/policy-bundle.mjs', '--check'),
  'rego compiler': script('tools/rego-compiler.mjs', '--check'),
};

async function main() {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !Object.keys(parts).some((part) => part.startsWith(name)));
  if (unknown.length > 0) {
    console.error(`there is no part ${unknown.join(', ')}: choose from ${Object.keys(parts).join(', ')}`);
    return 2;
  }
  const queue = Object.entries(parts).filter(([name]) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)));
  const failed = [];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) if (!(await run(...next))) failed.push(next[0]);
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(2, availableParallelism()), 4) }, work));
  console.log(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

async function run(name, [command, args]) {
  const begun = Date.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(signal ?? status));
  });
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(13)} ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  if (code !== 0) console.log(output.trim().replaceAll(/^/gm, '       '));
  return code === 0;
}

process.exitCode = await main();
