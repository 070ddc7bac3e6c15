// Compiles Rego to WebAssembly with OPA, and proves that the committed modules are what their sources compile to.
//
//   node tools/policy-bundle.mjs           compile, write the modules and beside each a record of what it was made of
//   node tools/policy-bundle.mjs --check   compare; with OPA at hand also check, format, test and rebuild
//
// OPA is `opa` of exactly the version below in PATH, or its Docker image. Without either, --check still compares the digests that were
// recorded: a source that was changed and not compiled, or a module that was changed by hand, is found everywhere.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const version = '1.22.2';
const image = `openpolicyagent/opa:${version}-static`;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = [
  { source: 'policies/rego', compiled: 'policies/compiled/default', entrypoints: ['customhouse/decision', 'customhouse/visible', 'customhouse/reads'] },
  { source: 'libs/policy-engine/test/echo-module', compiled: 'libs/policy-engine/test/echo-module/echo', entrypoints: ['customhouse/decision'] },
];

const sha256 = (content) => createHash('sha256').update(content).digest('hex');

/** Everything that decides what comes out: the compiler, the entry points, the files. */
function sourceDigest({ source, entrypoints }) {
  const files = readdirSync(join(root, source)).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'));
  const parts = files.sort().map((name) => [name, sha256(readFileSync(join(root, source, name)))]);
  return sha256(JSON.stringify({ version, entrypoints, parts }));
}

function record(module, wasm) {
  return { opa: version, entrypoints: module.entrypoints, source: sourceDigest(module), module: sha256(wasm), bytes: wasm.length };
}

/**
 * A function that runs OPA in the folder of a module, where its Rego lies in `rego/`: `(source, arguments, wantsBundle)` gives
 * `{ status, output, bundle }`. Undefined without OPA.
 */
function findOpa() {
  const local = spawnSync('opa', ['version'], { encoding: 'utf8' });
  if (local.status === 0 && local.stdout.includes(`Version: ${version}\n`)) return localOpa;
  const pull = process.env.CI ? [] : ['--pull', 'never'];
  const probe = spawnSync('docker', ['run', '--rm', ...pull, image, 'version'], { encoding: 'utf8', timeout: 60_000 });
  if (probe.status === 0) return dockerOpa;
  const engine = spawnSync('docker', ['version'], { encoding: 'utf8', timeout: 20_000 });
  if (process.env.CI && engine.status === 0) throw new Error(`Docker answers, but ${image} cannot be run: ${probe.stderr}`);
  return undefined;
}

/** The names of files end up in the module, so it is always compiled from a folder that is called rego, with nothing else in it. */
function stage(source) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-'));
  cpSync(join(root, source), join(folder, 'rego'), { recursive: true, filter: (path) => path === join(root, source) || path.endsWith('.rego') });
  return folder;
}

function localOpa(source, args, wantsBundle) {
  const folder = stage(source);
  try {
    const run = spawnSync('opa', wantsBundle ? [...args, '-o', 'bundle.tar.gz'] : args, { cwd: folder, encoding: 'utf8' });
    const bundle = wantsBundle && run.status === 0 ? readFileSync(join(folder, 'bundle.tar.gz')) : undefined;
    return { status: run.status, output: run.stdout + run.stderr, bundle };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files are copied rather than mounted, so that a Docker engine on another machine serves as well. */
function dockerOpa(source, args, wantsBundle) {
  const folder = stage(source);
  const command = wantsBundle ? [...args, '-o', '/work/bundle.tar.gz'] : args;
  const container = execFileSync('docker', ['create', '--user', '0', '--workdir', '/work', image, ...command], { encoding: 'utf8' }).trim();
  try {
    execFileSync('docker', ['cp', '-q', join(folder, 'rego'), `${container}:/work/rego`]);
    const run = spawnSync('docker', ['start', '--attach', container], { encoding: 'utf8' });
    const made = wantsBundle && run.status === 0;
    if (made) execFileSync('docker', ['cp', '-q', `${container}:/work/bundle.tar.gz`, join(folder, 'bundle.tar.gz')]);
    return { status: run.status, output: run.stdout + run.stderr, bundle: made ? readFileSync(join(folder, 'bundle.tar.gz')) : undefined };
  } finally {
    spawnSync('docker', ['rm', '--force', container]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(opa, { source, entrypoints }) {
  const build = opa(source, ['build', '--target', 'wasm', '--ignore', '*_test.rego', ...entrypoints.flatMap((name) => ['--entrypoint', name]), 'rego'], true);
  if (build.status !== 0) throw new Error(`opa build of ${source} failed:\n${build.output}`);
  return fromTar(gunzipSync(build.bundle), '/policy.wasm');
}

/** One file out of a tar archive: headers of 512 bytes, name first, size in octal at 124, contents padded to 512. */
function fromTar(archive, wanted) {
  for (let at = 0; at + 512 <= archive.length;) {
    const name = archive.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8) || 0;
    if (name === wanted) return Buffer.from(archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the bundle has no ${wanted}`);
}

/** What was recorded when the module was compiled is what is there now. Needs no OPA. */
function recordProblems(module, wasm) {
  const recorded = JSON.parse(readFileSync(join(root, `${module.compiled}.json`), 'utf8'));
  const present = record(module, wasm);
  const different = Object.keys(present).filter((name) => JSON.stringify(recorded[name]) !== JSON.stringify(present[name]));
  return different.map((name) => `${module.compiled}.json says ${name} ${JSON.stringify(recorded[name])}, and it is ${JSON.stringify(present[name])}`);
}

function compilerProblems(opa, module, wasm) {
  const tests = readdirSync(join(root, module.source)).some((name) => name.endsWith('_test.rego'));
  const commands = [['check', '--strict', 'rego'], ['fmt', '--fail', '--list', 'rego'], ...(tests ? [['test', '--coverage', '--threshold', '100', 'rego']] : [])];
  const runs = commands.map((args) => ({ args, ...opa(module.source, args) }));
  const problems = runs.filter((run) => run.status !== 0).map((run) => `opa ${run.args.join(' ')} failed for ${module.source}:\n${run.output}`);
  if (!compile(opa, module).equals(wasm)) problems.push(`${module.compiled}.wasm is not what ${module.source} compiles to`);
  return problems;
}

function check() {
  const opa = findOpa();
  const how = opa ? `rebuilt with OPA ${version}` : `recorded digests only: there is no OPA ${version} here`;
  const problems = modules.flatMap((module) => {
    const wasm = readFileSync(join(root, `${module.compiled}.wasm`));
    return [...recordProblems(module, wasm), ...(opa ? compilerProblems(opa, module, wasm) : [])];
  });
  if (problems.length === 0) return console.log(`The compiled policies match their sources (${how}).`);
  console.error(`The compiled policies do not match their sources (${how}):\n${problems.map((problem) => `  ${problem}`).join('\n')}\nRun: node tools/policy-bundle.mjs`);
  process.exitCode = 1;
}

function build() {
  const opa = findOpa();
  if (!opa) {
    console.error(`OPA ${version} is needed: put \`opa\` in PATH, or have Docker with the image ${image}.`);
    process.exitCode = 1;
    return;
  }
  for (const module of modules) {
    const wasm = compile(opa, module);
    writeFileSync(join(root, `${module.compiled}.wasm`), wasm);
    writeFileSync(join(root, `${module.compiled}.json`), `${JSON.stringify(record(module, wasm), null, 2)}\n`);
    console.log(`Wrote ${module.compiled}.wasm: ${wasm.length} bytes, ${sha256(wasm)}.`);
  }
}

if (process.argv.includes('--check')) check();
else build();
