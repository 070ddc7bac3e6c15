// Compiles Rego to WebAssembly with OPA's own compiler (libs/rego), and proves that the committed modules are what their sources compile to.
//
//   node tools/policy-bundle.mjs           compile, write the modules and beside each a record of what it was made of
//   node tools/policy-bundle.mjs --check   check, format, test and compile again, and compare
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAll } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const version = JSON.parse(readFileSync(join(root, 'libs/rego/compiler/opa.json'), 'utf8')).opa;
const modules = [
  { source: 'policies/rego', compiled: 'policies/compiled/default', entrypoints: ['customhouse/decision', 'customhouse/visible', 'customhouse/reads', 'customhouse/arguments'] },
  { source: 'libs/policy-engine/test/echo-module', compiled: 'libs/policy-engine/test/echo-module/echo', entrypoints: ['customhouse/decision'] },
];

const sha256 = (content) => createHash('sha256').update(content).digest('hex');
const isTest = (name) => name.endsWith('_test.rego');

/** The Rego of a module by name. Names end up in what is compiled, so they always begin with `rego/`. */
function texts({ source }, wanted = () => true) {
  const names = readdirSync(join(root, source)).filter((name) => name.endsWith('.rego') && wanted(name));
  return Object.fromEntries(names.sort().map((name) => [`rego/${name}`, readFileSync(join(root, source, name), 'utf8')]));
}

const sources = (module) => texts(module, (name) => !isTest(name));

/** Everything that decides what comes out: the compiler, the entry points, the files. */
function sourceDigest(module) {
  const parts = Object.entries(sources(module)).map(([name, text]) => [name.slice('rego/'.length), sha256(text)]);
  return sha256(JSON.stringify({ version, entrypoints: module.entrypoints, parts }));
}

function record(module, wasm) {
  return { opa: version, entrypoints: module.entrypoints, source: sourceDigest(module), module: sha256(wasm), bytes: wasm.length };
}

/** What was recorded when the module was compiled is what is there now. */
function recordProblems(module, wasm) {
  const recorded = JSON.parse(readFileSync(join(root, `${module.compiled}.json`), 'utf8'));
  const present = record(module, wasm);
  const different = Object.keys(present).filter((name) => JSON.stringify(recorded[name]) !== JSON.stringify(present[name]));
  return different.map((name) => `${module.compiled}.json says ${name} ${JSON.stringify(recorded[name])}, and it is ${JSON.stringify(present[name])}`);
}

async function compilerProblems(compiler, module, wasm) {
  const problems = [];
  const all = texts(module);
  const formatted = await compiler.format(all);
  for (const name in all) if (formatted[name] !== all[name]) problems.push(`${module.source}: ${name} is not formatted as opa fmt does`);
  if (Object.keys(all).some(isTest)) {
    const { tests, coverage, not_covered } = await compiler.test(all);
    for (const { name, outcome, message, file, row } of tests) if (outcome !== 'pass') problems.push(`${file}:${row}: ${name}: ${outcome} ${message ?? ''}`);
    if (coverage < 100) problems.push(`${module.source}: the tests cover ${coverage} %, not rows ${JSON.stringify(not_covered)}`);
  }
  if (!wasm.equals(await compiler.compile(sources(module), module.entrypoints))) problems.push(`${module.compiled}.wasm is not what ${module.source} compiles to`);
  return problems;
}

async function check(compiler) {
  const problems = [];
  for (const module of modules) {
    const wasm = readFileSync(join(root, `${module.compiled}.wasm`));
    problems.push(...recordProblems(module, wasm), ...(await compilerProblems(compiler, module, wasm).catch((error) => [`${module.source}: ${error.message}`])));
  }
  if (problems.length === 0) return console.log(`The compiled policies match their sources (OPA ${version}).`);
  console.error(`The compiled policies do not match their sources:\n${problems.map((problem) => `  ${problem}`).join('\n')}\nRun: node tools/policy-bundle.mjs`);
  process.exitCode = 1;
}

async function build(compiler) {
  for (const module of modules) {
    const wasm = Buffer.from(await compiler.compile(sources(module), module.entrypoints));
    writeFileSync(join(root, `${module.compiled}.wasm`), wasm);
    writeFileSync(join(root, `${module.compiled}.json`), `${JSON.stringify(record(module, wasm), null, 2)}\n`);
    console.log(`Wrote ${module.compiled}.wasm: ${wasm.length} bytes, ${sha256(wasm)}.`);
  }
}

await buildAll();
const { RegoCompiler } = await import('@customhouse/rego/rego-compiler');
const compiler = new RegoCompiler();
try {
  await (process.argv.includes('--check') ? check(compiler) : build(compiler));
} finally {
  await compiler.close();
}
