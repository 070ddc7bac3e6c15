// Style that can be checked: sizes, names, leftovers. A pure function of the files, so that its own test can inject each fault.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const limits = { code: 400, test: 1000 };
const bannedSuffixes = /\.(?:dto|interface|enum|helper|helpers|util|utils|type|types|service|repository|entity)\.ts$/;
const bannedNames = /(?:^|\/)(?:common|shared|core|utils?|helpers?|misc|types)(?:\/|\.ts$)/;
const kebab = /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/;
const ignored = new Set(['node_modules', 'dist', '.git', '.cache', '.nx', 'coverage', 'data']);
/** This file and its test have to spell what they look for. */
const exempt = /^tools\/(?:check\/style\.mjs|test\/style\.spec\.ts)$/;

/** Every text file below `root` that is not made by tools: path with forward slashes, and text. */
export function readTree(root) {
  const files = new Map();
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (ignored.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && !/\.(?:wasm|png|ico|gz|br|cast)$/.test(entry.name)) files.set(relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8'));
    }
  };
  walk(root);
  return files;
}

/** One sentence for each fault. */
export function styleProblems(files) {
  const problems = [...files].filter(([path]) => !exempt.test(path)).flatMap(([path, text]) => [...nameProblems(path), ...sizeProblems(path, text), ...textProblems(path, text)]);
  return [...problems, ...deadFiles(files)];
}

function isCode(path) {
  return /\.(?:ts|mts|mjs|js)$/.test(path) && !/\.d\.m?ts$/.test(path);
}

function isTest(path) {
  return /\.spec\.ts$|(?:^|\/)test\/|^e2e\/|^sim\//.test(path);
}

function nameProblems(path) {
  if (!isCode(path)) return [];
  const name = path
    .split('/')
    .at(-1)
    .replace(/\.(?:spec\.)?(?:ts|mts|mjs|js)$/, '');
  const problems = [];
  if (/(?:^|\/)index\.ts$/.test(path)) problems.push(`${path}: no barrels; import the file that has what you need`);
  if (bannedSuffixes.test(path)) problems.push(`${path}: a file is named by what it is about, without a kind behind the name`);
  if (bannedNames.test(path)) problems.push(`${path}: a name that could hold anything; name it by what it does`);
  if (!kebab.test(name.replace(/^\./, ''))) problems.push(`${path}: file names are nouns in kebab-case`);
  return problems;
}

function sizeProblems(path, text) {
  if (!isCode(path)) return [];
  const lines = text.split('\n').length - 1;
  const limit = isTest(path) ? limits.test : limits.code;
  return lines > limit ? [`${path} has ${lines} lines; ${limit} are the limit: find the second idea in it`] : [];
}

const everywhere = [
  [/(?:\/\/|\*|#|<!--|--) *(?:TODO|FIXME|HACK)\b|^(?:TODO|FIXME|HACK)\b/m, 'a leftover: do it, or file an issue'],
  [/\/work\/(?:main|shared|\.library)|\/root\/|\/tmp\/brief/, 'a path of one machine'],
  [/registry\.npmjs\.org|"resolved": "https?:/, 'the host of a registry'],
];
const inCode = [[/^\s*export \* /m, 'no barrels: export what this file declares']];
const inTests = [
  [/\b(?:describe|it|test)\.only\b|\bf(?:it|describe)\(/, 'leaves all other tests out'],
  [/\bx(?:it|test|describe)\(|^(?:it|test|describe)\.skip\(|^ *(?:it|test)\.skip\(|\b(?:it|test)\.todo\(/m, 'a test that cannot fail: run it or remove it'],
];

function textProblems(path, text) {
  const rules = [...everywhere, ...(isCode(path) ? inCode : []), ...(/\.spec\.ts$/.test(path) ? inTests : [])];
  return rules.flatMap(([pattern, problem]) => {
    const match = pattern.exec(text);
    return match ? [`${path}:${text.slice(0, match.index + match[0].length).split('\n').length}: ${JSON.stringify(match[0].trim())} is ${problem}`] : [];
  });
}

/** Source files that nothing imports but their own test, and that nothing starts. */
function deadFiles(files) {
  const imported = new Set();
  let started = '';
  for (const [path, text] of files) {
    if (isCode(path)) for (const target of importsOf(path, text)) if (target !== path.replace('.spec.ts', '.ts')) imported.add(target);
    if (!isCode(path) && !path.endsWith('.md')) started += text;
  }
  return [...files.keys()]
    .filter((path) => /^(?:contracts|libs|services|apps)\/[^/]+\/src\/.*\.ts$/.test(path) && !/\.spec\.ts$|\/src\/main\.ts$/.test(path))
    .filter((path) => !imported.has(path) && !started.includes(path.replace('/src/', '/dist/').replace(/\.ts$/, '.js')))
    .map((path) => `${path}: nothing imports it`);
}

/** Paths of our own files that a file imports, statically or not. */
function importsOf(path, text) {
  const found = [];
  for (const [, specifier] of text.matchAll(/(?:from|import|import\(|new URL\()\s*['"]([^'"]+)['"]/g)) {
    if (specifier.startsWith('.')) found.push(join(path, '..', specifier).split(sep).join('/').replace(/\.js$/, '.ts').replace('/dist/', '/src/'));
    const own = /^@customhouse\/([^/]+)\/(.+)$/.exec(specifier);
    if (own) for (const folder of foldersOf(own[1])) found.push(`${folder}/src/${own[2]}.ts`);
  }
  for (const [, folder, file] of text.matchAll(/['"]((?:contracts|libs|services|apps)\/[^'"]+)\/dist\/([^'"]+)\.js['"]/g)) found.push(`${folder}/src/${file}.ts`);
  return found;
}

function foldersOf(name) {
  return [`libs/${name}`, `services/${name}`, `apps/${name}`, `contracts/${name.replace(/-contract$/, '')}`, `contracts/${name}`];
}
