// `npm test`: installs what is missing, builds, checks, and runs every test that needs no containers of ours; `npm run test:compose`
// (`tools/test.mjs compose`): the scenarios through docker compose. It is also what runs first on a fresh clone: nothing but Node's own
// modules, nothing newer than Node 20.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureInstalled, nodeBinary, root } from './install.mjs';
import { again, failures } from './test-again.mjs';

const results = join(root, '.cache/test-results.json');
/** Scenarios end with the whole run: a process that one of them left behind must not keep it from ending. */
const scenarios = ['--maxWorkers', '1', '--forceExit', '--reporters', 'default', '--reporters', './e2e/progress-reporter.mjs'];
/** The scenarios come last and alone: each of them starts a whole gateway, and some measure how soon it answers. */
const phases = {
  test: [
    ['--selectProjects', 'unit', 'integration', '--maxWorkers', '2'],
    ['--selectProjects', 'e2e', ...scenarios],
  ],
  compose: [['--selectProjects', 'compose', ...scenarios]],
};
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopped.abort());

async function main(name = 'test') {
  await ensureInstalled('all', stopped.signal);
  const { buildAll } = await import('./build.mjs');
  await buildAll();
  const checked = name !== 'test' || (await run('tools/check.mjs')) === 0;
  if (stopped.signal.aborted) return 130;
  mkdirSync(join(root, '.cache'), { recursive: true });
  const outcomes = [];
  for (const phase of phases[name]) {
    outcomes.push(await twice(phase));
    if (stopped.signal.aborted) return 130;
  }
  const tested = report(outcomes);
  if (!checked) console.log('the checks failed: npm run check');
  return checked && tested ? 0 : 1;
}

/** The Node of the packages runs everything, and stands first on the path of what that starts. */
function run(...args) {
  const node = nodeBinary();
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(node, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  stopped.signal.addEventListener('abort', () => child.kill('SIGINT'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
}

/** Runs one phase. Answers what came of it; undefined when the test runner left no results. */
async function test(options) {
  rmSync(results, { force: true });
  const flags = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
  const code = await run(...flags, 'node_modules/jest/bin/jest.js', ...options, '--testTimeout', '30000', '--json', '--outputFile', results);
  try {
    return { code, ...JSON.parse(readFileSync(results, 'utf8')) };
  } catch (error) {
    console.error(`the test runner left no results: ${error.message}`);
    return undefined;
  }
}

/** Runs a phase, and what failed in it once more, alone. What passes then is reported as unsteady. */
async function twice(phase) {
  const first = await test(phase);
  const options = first && again(first, phase);
  if (!options || stopped.signal.aborted) return { first };
  console.log('\nonce more, alone, what failed:');
  return { first, second: await test(options) };
}

/** The closing lines. A suite that could not even be loaded counts as one failure. True when all is well. */
function report(outcomes) {
  const sum = (count) => outcomes.reduce((total, { first }) => total + (first ? count(first) : 0), 0);
  const passed = sum((outcome) => outcome.numPassedTests);
  const skipped = sum((outcome) => outcome.numPendingTests + outcome.numTodoTests);
  const failed = outcomes.flatMap(({ first, second }) => failures(second ?? first));
  const unsteady = outcomes.flatMap(({ first, second }) => (second ? failures(first) : [])).filter((failure) => !failed.includes(failure));
  for (const failure of unsteady) console.log(`unsteady, failed once and passed alone: ${failure}`);
  for (const failure of failed) console.log(`failed: ${failure}`);
  console.log(`\ntests: ${passed + unsteady.length} passed (${unsteady.length} of them at the second attempt), ${failed.length} failed, ${skipped} skipped`);
  return outcomes.every(({ first, second }) => (second ?? first)?.code === 0) && failed.length === 0 && passed > 0;
}

try {
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  if (stopped.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
