// What documents say about the repository must be so: links, commands, settings. A pure function of the files.
import { dirname, join, sep } from 'node:path';

/** One sentence for each fault. `files` as style.mjs reads them. */
export function documentProblems(files) {
  const folders = new Set([...files.keys()].flatMap(parents));
  const known = variablesIn(files);
  const scripts = new Set(Object.keys(JSON.parse(files.get('package.json') ?? '{}').scripts ?? {}));
  return [...files].flatMap(([path, text]) => {
    if (path.startsWith('tools/test/')) return [];
    const problems = path.endsWith('.md') ? [...linkProblems(path, text, files, folders), ...scriptProblems(path, text, scripts)] : mentionProblems(path, text, files);
    return path.endsWith('.md') || isDeployment(path) ? [...problems, ...variableProblems(path, text, known)] : problems;
  });
}

function parents(path) {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function linkProblems(path, text, files, folders) {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]);
  return targets
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
    .map((target) => [target, join(dirname(path), target.replace(/#.*$/, '')).split(sep).join('/').replace(/\/$/, '')])
    .filter(([, file]) => file !== '.' && !files.has(file) && !folders.has(file))
    .map(([target]) => `${path} links to ${target}, which does not exist`);
}

/** Pages that code and data name in passing. */
function mentionProblems(path, text, files) {
  const named = [...text.matchAll(/(?<![\w./])docs\/(?:tutorial|how-to|reference|explanation|adr)\/[\w-]+\.md/g)].map((match) => match[0]);
  return [...new Set(named)].filter((page) => !files.has(page)).map((page) => `${path} names ${page}, which does not exist`);
}

function scriptProblems(path, text, scripts) {
  const named = [...text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map((match) => match[1]);
  return [...new Set(named)].filter((script) => !scripts.has(script)).map((script) => `${path} says npm run ${script}, and there is no such script`);
}

function variableProblems(path, text, known) {
  // A name that ends with an underscore stands for a family.
  const named = [...text.matchAll(/(?<!\$\{)\bCUSTOMHOUSE_[A-Z0-9_]*[A-Z0-9]\b(?!_)/g)].map((match) => match[0]);
  return [...new Set(named)].filter((name) => !known.has(name)).map((name) => `${path} names ${name}, which is neither a setting nor an option of the deployment`);
}

function isDeployment(path) {
  return /(?:^|\/)docker-compose[^/]*\.ya?ml$|(?:^|\/)Dockerfile$/.test(path);
}

/** Settings and options of the command line, as their reference pages list them, and what a deployment file takes from its own environment. */
function variablesIn(files) {
  const pages = ['docs/reference/settings.md', 'docs/reference/cli.md'].map((path) => files.get(path) ?? '');
  const deployments = [...files].filter(([path]) => isDeployment(path)).map(([, text]) => text);
  const listed = pages.flatMap((text) => [...text.matchAll(/CUSTOMHOUSE_[A-Z0-9_]+/g)].map((match) => match[0]));
  const taken = deployments.flatMap((text) => [...text.matchAll(/\$\{(CUSTOMHOUSE_[A-Z0-9_]+)|^(?:ARG|ENV) (CUSTOMHOUSE_[A-Z0-9_]+)/gm)].map((match) => match[1] ?? match[2]));
  return new Set([...listed, ...taken]);
}

function withoutCode(text) {
  return text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
}
