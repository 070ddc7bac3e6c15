import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { readRules } from './rules-text.js';
import { makeVersion, sha256 } from './version.js';

/** A compiled module and its digest (SHA-256, hex), by which versions refer to it. */
export interface PolicyWasm {
  readonly digest: string;
  readonly wasm: Uint8Array;
}

let builtIn: PolicyWasm | undefined;

/** The module that comes with this release: policies/rego, compiled. Throws when the file is missing or damaged. */
export function builtInModule(): PolicyWasm {
  if (builtIn) return builtIn;
  // The same distance from src/ and from dist/.
  const wasm = readFileSync(new URL('../compiled/default.wasm', import.meta.url));
  const { module } = JSON.parse(readFileSync(new URL('../compiled/default.json', import.meta.url), 'utf8')) as { module: string };
  const digest = sha256(wasm);
  if (digest !== module) throw new Error(`policies/compiled/default.wasm is damaged: its digest is ${digest}, and ${module} was recorded when it was compiled`);
  builtIn = { digest, wasm };
  return builtIn;
}

/** Rego by file name, and what of it can be asked. */
export interface RegoProgram {
  readonly entrypoints: readonly string[];
  readonly modules: Readonly<Record<string, string>>;
}

let program: RegoProgram | undefined;

/** The Rego that the built-in module was compiled from, for compiling it together with Rego of an administrator. */
export function builtInProgram(): RegoProgram {
  if (program) return program;
  const { entrypoints } = JSON.parse(readFileSync(new URL('../compiled/default.json', import.meta.url), 'utf8')) as { entrypoints: string[] };
  const folder = new URL('../rego/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'));
  // Under the names that tools/policy-bundle.mjs gave them: names are part of what is compiled.
  program = { entrypoints, modules: Object.fromEntries(names.sort().map((name) => [`rego/${name}`, readFileSync(new URL(name, folder), 'utf8')])) };
  return program;
}

export type BuiltInRules = 'starter' | 'development';

const notes: Readonly<Record<BuiltInRules, string>> = {
  starter: 'The rules that come with Customhouse.',
  development: 'The rules of the demonstration: the starter rules, and one more for the server "everything".',
};

/** Path of a rule file that comes with this release. */
export function builtInRulesFile(rules: BuiltInRules): string {
  return fileURLToPath(new URL(`../${rules}.yaml`, import.meta.url));
}

/** A rule set that comes with this release, as version 0 with the built-in module. */
export function builtInVersion(rules: BuiltInRules = 'starter'): PolicyVersion {
  const text = readFileSync(builtInRulesFile(rules), 'utf8');
  return makeVersion({ number: 0, module: builtInModule().digest, rules: readRules(text), note: notes[rules] });
}
