import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readCases } from './policy-cases.js';
import { CliProblem } from './problem.js';
import { readInput } from './values.js';

/** What a version is made of, as the API takes it. */
export interface PolicySources {
  /** The text, or the document where the text would be too long. */
  readonly rules: string | Record<string, unknown>;
  readonly modules: Record<string, string>;
  readonly cases: Record<string, unknown>[];
}

/** Longer texts than this are sent as a document. */
const longestText = 262_144;

export function isFolder(path: string): boolean {
  return path !== '-' && existsSync(path) && statSync(path).isDirectory();
}

/**
 * Reads a rule file, or a folder: `rules.yaml`, `*.rego` with `*_test.rego`, `cases.yaml` and `cases/*.yaml`. Throws CliProblem that
 * names the file.
 */
export function readSources(path: string, readStdin: () => string): PolicySources {
  if (!isFolder(path)) return { rules: readRulesFile(path, readStdin), modules: {}, cases: [] };
  const names = readdirSync(path).sort();
  const rules = names.filter((name) => /^rules\.(?:ya?ml|json)$/.test(name));
  if (rules.length !== 1) {
    throw new CliProblem('usage', rules.length === 0 ? `${path} holds no rules.yaml` : `${path} holds ${rules.join(' and ')}, and only one of them can count`, {
      hint: 'customhouse policy init FOLDER makes a folder with everything in its place.',
    });
  }
  const modules = names.filter((name) => name.endsWith('.rego')).map((name) => [name, readInput(join(path, name), readStdin)]);
  const cases = isFolder(join(path, 'cases')) ? readdirSync(join(path, 'cases')).filter(isYaml).sort() : [];
  const files = [...names.filter((name) => /^cases\.ya?ml$/.test(name)), ...cases.map((name) => join('cases', name))];
  return {
    rules: readRulesFile(join(path, rules[0]!), readStdin),
    modules: Object.fromEntries(modules) as Record<string, string>,
    cases: files.flatMap((name) => readWrittenCases(join(path, name), readStdin)),
  };
}

/** The cases in a file as they are written there, checked. Throws CliProblem. */
export function readWrittenCases(path: string, readStdin: () => string): Record<string, unknown>[] {
  const text = readInput(path, readStdin);
  readCases(text, path);
  return (parse(text) as { cases: Record<string, unknown>[] }).cases;
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/.test(name);
}

function readRulesFile(path: string, readStdin: () => string): string | Record<string, unknown> {
  const text = readInput(path, readStdin);
  if (text.length <= longestText) return text;
  try {
    return parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new CliProblem('usage', `${path} is not YAML: ${(error as Error).message}`);
  }
}
