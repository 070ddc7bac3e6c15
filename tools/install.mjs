// Installs what is missing, and nothing when nothing is. It runs before any package is there, on the Node the user has:
// nothing but Node's own modules, and nothing newer than Node 20.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const needed = 24;

/**
 * Makes the packages of a profile present: `run` is what the gateway needs, `all` is also what tests and checks need.
 * Progress goes to stderr. Answers whether anything was installed; throws with npm's own words when that failed, and an
 * AbortError when the signal ended it.
 */
export async function ensureInstalled(profile, signal) {
  const lock = readJson('package-lock.json');
  if (!lock) throw new Error('package-lock.json is missing or damaged: restore it (git checkout package-lock.json) and try again.');
  const installed = readJson('node_modules/.package-lock.json');
  const missing = missingPackages(lock, installed, profile);
  if (missing.length > 0) {
    // Where somebody has the development packages, npm would remove them if they were left out now.
    const lean = profile === 'run' && !Object.values(installed?.packages ?? {}).some((entry) => entry.dev);
    // Not `npm ci`: it empties node_modules first, and refuses a lock file that was made where a platform's optional packages could not be had.
    await npm(['install', '--no-save', lean ? '--omit=dev' : '--include=dev'], `installing ${missing.length} packages`, signal);
  }
  await ensureNode(signal);
  return missing.length > 0;
}

/** Names of what the lock file asks for and the last installation did not leave. Optional packages depend on the platform: npm decides. */
export function missingPackages(lock, installed, profile) {
  const present = installed?.packages ?? {};
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.includes('node_modules/') && !entry.optional && !(profile === 'run' && (entry.dev || entry.devOptional)))
    .filter(([path, entry]) => (entry.link ? present[path] === undefined : present[path]?.version !== entry.version))
    .map(([path]) => path);
}

/** The Node that the gateway runs on: the one from npm, or the user's own where that is new enough and npm's is missing. */
export function nodeBinary() {
  const local = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(local)) return local;
  return Number(process.versions.node.split('.')[0]) >= needed ? process.execPath : undefined;
}

/** The package `node` fetches its binary in an install script, which some people have switched off. */
async function ensureNode(signal) {
  if (nodeBinary()) return;
  await npm(['rebuild', 'node', '--ignore-scripts=false'], `fetching Node ${needed}`, signal);
  if (!nodeBinary())
    throw new Error(`Node ${needed} is needed, this is ${process.version}, and npm could not fetch it (package "node"). Install Node ${needed} or newer and try again.`);
}

/** Runs npm, showing that it is alive; its output is shown when it fails. */
async function npm(args, title, signal) {
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--progress=false'];
  // Started by npm, we use the same npm; otherwise whatever the PATH has.
  const [command, first] = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const child = spawn(command, [...first, ...args, ...options], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: command.endsWith('.cmd'), signal });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (words = (words + chunk).slice(-8_000)));
  const stop = showProgress(title);
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(signal ?? status));
    });
    if (code !== 0) throw new Error(`npm ${args[0]} failed (${code}):\n${words.trim()}`);
  } finally {
    stop();
  }
}

/** One line that counts the seconds on a terminal, a line every five seconds elsewhere. Call the answer to end it. */
function showProgress(title) {
  const begun = Date.now();
  const terminal = process.stderr.isTTY;
  const say = () => {
    const seconds = Math.round((Date.now() - begun) / 1000);
    process.stderr.write(terminal ? `\r${title} … ${seconds} s` : `${title} … ${seconds} s\n`);
  };
  say();
  const timer = setInterval(say, terminal ? 1_000 : 5_000);
  return () => {
    clearInterval(timer);
    if (terminal) process.stderr.write('\n');
  };
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    // Absent or torn: then everything is missing, and npm sets it right.
    return undefined;
  }
}
