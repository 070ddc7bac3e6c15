// Compiles policies/rego to WebAssembly with OPA, and proves that the committed module is what the source compiles to.
//
//   node tools/policy-bundle.mjs           compile, write policies/compiled/default.wasm and default.json
//   node tools/policy-bundle.mjs --check   compare; with OPA at hand also check, format, test and rebuild
//
// OPA is `opa` of exactly the version below in PATH, or its Docker image. Without either, --check still compares the digests that were
// recorded: a source that was changed and not compiled, or a module that was changed by hand, is found everywhere.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const version = '1.22.2';
const image = `openpolicyagent/opa:${version}-static`;
const entrypoints = ['customhouse/decision', 'customhouse/visible', 'customhouse/reads'];
const policies = join(dirname(fileURLToPath(import.meta.url)), '..', 'policies');
const wasmFile = join(policies, 'compiled', 'default.wasm');
const recordFile = join(policies, 'compiled', 'default.json');

const sha256 = (content) => createHash('sha256').update(content).digest('hex');

/** Everything that decides what comes out: the compiler, the entry points, the files. */
function sourceDigest() {
  const files = readdirSync(join(policies, 'rego')).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'));
  const parts = files.sort().map((name) => [name, sha256(readFileSync(join(policies, 'rego', name)))]);
  return sha256(JSON.stringify({ version, entrypoints, parts }));
}

function record(wasm) {
  return { opa: version, entrypoints, source: sourceDigest(), module: sha256(wasm), bytes: wasm.length };
}

/** `(arguments) => { status, output }`, in the folder policies/; `fetch` copies a file that the command wrote. Undefined without OPA. */
function findOpa() {
  const local = spawnSync('opa', ['version'], { encoding: 'utf8' });
  if (local.status === 0 && local.stdout.includes(`Version: ${version}\n`)) return localOpa;
  const pull = process.env.CI ? [] : ['--pull', 'never'];
  const probe = spawnSync('docker', ['run', '--rm', ...pull, image, 'version'], { encoding: 'utf8', timeout: 120_000 });
  if (probe.status === 0) return dockerOpa;
  if (process.env.CI && spawnSync('docker', ['version'], { timeout: 20_000 }).status === 0) throw new Error(`Docker answers, but ${image} cannot be run: ${probe.stderr}`);
  return undefined;
}

function localOpa(args, written) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-'));
  try {
    const output = written ? [...args, '-o', join(folder, 'bundle.tar.gz')] : args;
    const run = spawnSync('opa', output, { cwd: policies, encoding: 'utf8' });
    return { status: run.status, output: run.stdout + run.stderr, file: written && run.status === 0 ? readFileSync(join(folder, 'bundle.tar.gz')) : undefined };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files are copied rather than mounted, so that a Docker engine on another machine serves as well. */
function dockerOpa(args, written) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-'));
  const output = written ? [...args, '-o', '/policies/bundle.tar.gz'] : args;
  const container = execFileSync('docker', ['create', '--user', '0', '--workdir', '/policies', image, ...output], { encoding: 'utf8' }).trim();
  try {
    execFileSync('docker', ['cp', '-q', join(policies, 'rego'), `${container}:/policies/rego`]);
    const run = spawnSync('docker', ['start', '--attach', container], { encoding: 'utf8' });
    if (!written || run.status !== 0) return { status: run.status, output: run.stdout + run.stderr };
    execFileSync('docker', ['cp', '-q', `${container}:/policies/bundle.tar.gz`, join(folder, 'bundle.tar.gz')]);
    return { status: 0, output: run.stdout + run.stderr, file: readFileSync(join(folder, 'bundle.tar.gz')) };
  } finally {
    spawnSync('docker', ['rm', '--force', container]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(opa) {
  const build = opa(['build', '--target', 'wasm', '--ignore', '*_test.rego', ...entrypoints.flatMap((name) => ['--entrypoint', name]), 'rego'], true);
  if (build.status !== 0) throw new Error(`opa build failed:\n${build.output}`);
  return fromTar(gunzipSync(build.file), '/policy.wasm');
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

function check() {
  const problems = [];
  const committed = readFileSync(wasmFile);
  const recorded = JSON.parse(readFileSync(recordFile, 'utf8'));
  const expected = record(committed);
  for (const name of Object.keys(expected)) {
    if (JSON.stringify(recorded[name]) !== JSON.stringify(expected[name]))
      problems.push(`policies/compiled/default.json says ${name} ${JSON.stringify(recorded[name])}, and it is ${JSON.stringify(expected[name])}`);
  }
  const opa = findOpa();
  if (!opa) return { problems, how: `recorded digests only: there is no OPA ${version} here` };
  for (const args of [
    ['check', '--strict', 'rego'],
    ['fmt', '--fail', '--list', 'rego'],
    ['test', '--coverage', '--threshold', '100', 'rego'],
  ]) {
    const run = opa(args);
    if (run.status !== 0) problems.push(`opa ${args.join(' ')} failed:\n${run.output}`);
  }
  if (!compile(opa).equals(committed)) problems.push('policies/compiled/default.wasm is not what policies/rego compiles to');
  return { problems, how: `rebuilt with OPA ${version}` };
}

if (process.argv.includes('--check')) {
  const { problems, how } = check();
  if (problems.length > 0) {
    console.error(`The compiled policy does not match its source (${how}):\n${problems.map((problem) => `  ${problem}`).join('\n')}\nRun: node tools/policy-bundle.mjs`);
    process.exit(1);
  }
  console.log(`The compiled policy matches its source (${how}).`);
} else {
  const opa = findOpa();
  if (!opa) {
    console.error(`OPA ${version} is needed: put \`opa\` in PATH, or have Docker with the image ${image}.`);
    process.exit(1);
  }
  const wasm = compile(opa);
  writeFileSync(wasmFile, wasm);
  writeFileSync(recordFile, `${JSON.stringify(record(wasm), null, 2)}\n`);
  console.log(`Wrote policies/compiled/default.wasm: ${wasm.length} bytes, ${sha256(wasm)}.`);
}
