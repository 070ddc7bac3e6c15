// Builds OPA's compiler for WASI (infra/rego) into libs/rego/compiler, where the package ships it.
//
//   node tools/rego-compiler.mjs             build; needs Go of exactly the version in infra/rego/go.mod
//   node tools/rego-compiler.mjs --check     the recorded digests are those of the source and of the artifact
//   node tools/rego-compiler.mjs --rebuild   the same, and building again gives the same bytes
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'infra/rego');
const artifact = join(root, 'libs/rego/compiler/opa.wasm.br');
const note = join(root, 'libs/rego/compiler/opa.json');
const sources = ['main.go', 'go.mod', 'go.sum'];
const sha256 = (content) => createHash('sha256').update(content).digest('hex');

function record(wasm) {
  const goMod = readFileSync(join(source, 'go.mod'), 'utf8');
  return {
    opa: /opa v(\S+)/.exec(goMod)[1],
    go: /^go (\S+)$/m.exec(goMod)[1],
    source: sha256(JSON.stringify(sources.map((name) => [name, sha256(readFileSync(join(source, name)))]))),
    module: sha256(wasm),
    bytes: wasm.length,
  };
}

/** The flags leave out everything of the machine that it was built on. */
function build() {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-rego-'));
  const { go } = record(Buffer.alloc(0));
  try {
    const ran = spawnSync('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid=', '-o', join(folder, 'opa.wasm'), '.'], {
      cwd: source,
      env: { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', CGO_ENABLED: '0', GOTOOLCHAIN: `go${go}`, GOFLAGS: '-mod=readonly' },
      encoding: 'utf8',
    });
    if (ran.error) throw new Error(`Go ${go} is needed: ${ran.error.message}`);
    if (ran.status !== 0) throw new Error(`go build failed:\n${ran.stderr}`);
    return readFileSync(join(folder, 'opa.wasm'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function problems(rebuild) {
  const wasm = brotliDecompressSync(readFileSync(artifact));
  const recorded = JSON.parse(readFileSync(note, 'utf8'));
  const present = record(wasm);
  const found = Object.keys(present)
    .filter((name) => recorded[name] !== present[name])
    .map((name) => `opa.json says ${name} ${recorded[name]}, and it is ${present[name]}`);
  if (rebuild && !build().equals(wasm)) found.push('opa.wasm.br is not what infra/rego builds to');
  return found;
}

const rebuild = process.argv.includes('--rebuild');
if (rebuild || process.argv.includes('--check')) {
  const found = problems(rebuild);
  if (found.length === 0) console.log(`The Rego compiler matches its source (${rebuild ? 'built again' : 'recorded digests'}).`);
  else {
    console.error(`The Rego compiler does not match its source:\n${found.map((problem) => `  ${problem}`).join('\n')}\nRun: node tools/rego-compiler.mjs`);
    process.exitCode = 1;
  }
} else {
  const wasm = build();
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
  writeFileSync(artifact, brotliCompressSync(wasm, { params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: wasm.length } }));
  writeFileSync(note, `${JSON.stringify(record(wasm), null, 2)}\n`);
  console.log(`Wrote libs/rego/compiler/opa.wasm.br: ${wasm.length} bytes, ${sha256(wasm)}.`);
}
